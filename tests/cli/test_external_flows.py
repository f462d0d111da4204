"""``dashtam accounts flows``."""

from pathlib import Path

from api.test_external_flows import payment, statement
from cli.conftest import CommandLine


def test_the_flows_of_an_account_are_listed(terminal: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "statement.ofx"
    told = payment("20250105", "100.00"), payment("20250203", "-40.00", "DEBIT")
    file.write_text(statement("20250228", *told))
    terminal("import", file)
    account_id = terminal.json("accounts", "list")["accounts"][0]["id"]
    listed = terminal("accounts", "flows", account_id)
    assert "2025-01-05  deposit     100.00  USD" in str(listed)
    found = terminal.json("accounts", "flows", account_id, "--from", "2025-02-01")
    assert [one["amount"] for one in found["flows"]] == ["-40.00"]
