from pathlib import Path

from cli.conftest import CommandLine


def test_a_backup_brings_back_what_was_there(terminal: CommandLine, database_url: str) -> None:
    if database_url.startswith("postgresql"):
        assert "pg_dump" in terminal.refused("db", "backup")
        return
    terminal("accounts", "add", "Cash", "5", "--currency", "USD")
    backup = Path(terminal("db", "backup").strip())
    assert backup.parent == terminal.data / "backups"
    terminal("accounts", "record", "cash", "6")
    assert "add --yes" in terminal.refused("db", "restore", backup)
    terminal("db", "restore", backup, "--yes")
    assert terminal.json("balances")["total_balance_by_currency"] == {"USD": "5.00"}
    assert "all as recorded" in terminal("db", "verify")


def test_what_is_no_backup_is_refused(terminal: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    assert terminal.refused("db", "restore", folder, "--yes").endswith(".\n")
    assert terminal.json("users", "list")["total_count"] == 1


def test_upgrading_tells_the_revision(empty: CommandLine) -> None:
    assert empty("db", "upgrade").startswith("The schema ")
    assert "already" in empty("db", "upgrade")
