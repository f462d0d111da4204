import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click import Context
from click.shell_completion import ShellComplete

from cli.conftest import CommandLine
from dashtam import __version__
from dashtam.presentation.cli.main import COMMANDS, RootGroup, dashtam

HEAVY = (
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "plotext",
    "jinja2",
    "cryptography",
    "msgspec",
    "dashtam.bootstrap",
)


@pytest.mark.parametrize("word", ["--help", "version", "completion"])
def test_a_command_without_data_loads_nothing_heavy(word: str) -> None:
    script = (
        "import sys; from dashtam.__main__ import main\n"
        "try: main()\n"
        f"finally: print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    words = [word, "bash"] if word == "completion" else [word]
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_the_overview_has_the_help_of_every_command(offline: CommandLine) -> None:
    overview = offline("--help")
    assert isinstance(dashtam, RootGroup)
    for name, (_, help_text) in COMMANDS.items():
        assert f"  {name} " in overview
        command = dashtam.get_command(Context(dashtam), name)
        assert command is not None
        assert command.get_short_help_str(200) == help_text


def test_every_verb_has_a_sentence(offline: CommandLine) -> None:
    for name in ("accounts", "holds", "snapshot", "syncs", "users", "tokens", "keys", "db"):
        verbs = offline(name, "--help").split("Commands:\n")[1].split("\n\n")[0].splitlines()
        assert all(len(verb.split()) > 2 and verb.endswith(".") for verb in verbs), verbs
        assert not any(verb.endswith("...") for verb in verbs), verbs


def test_a_noun_alone_lists(terminal: CommandLine) -> None:
    for noun in (
        "accounts",
        "connections",
        "holds",
        "keys",
        "providers",
        "syncs",
        "tokens",
        "users",
    ):
        assert terminal(noun) == terminal(noun, "list")
        assert terminal(noun, "--json") == terminal(noun, "list", "--json")
        assert terminal(noun, "--help").endswith("Without a command: list.\n")
    assert "backup" in terminal.refused("db", status=2)


def test_misuse_is_status_2(offline: CommandLine) -> None:
    assert "No such command 'nope'" in offline.refused("nope", status=2)
    assert "No such option" in offline.refused("balances", "--nope", status=2)
    assert "is not one of" in offline.refused("history", "x", "--source", "dream", status=2)
    assert "start_date must be before end_date" in offline.refused(
        "history", "x", "--from", "2025-02-01", "--to", "2025-01-01"
    )


def test_the_version_has_a_form_for_programs_too(offline: CommandLine) -> None:
    assert offline("version") == f"dashtam {__version__}\n"
    assert offline.json("version") == {"version": __version__}


def test_a_wrong_setting_is_a_sentence(
    offline: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHTAM_PORT", "x")
    assert offline.refused("balances").startswith("DASHTAM_PORT: ")


def test_settings_are_listed_and_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a code that nobody knows"  # noqa: S105 - nobody's
    monkeypatch.setenv("DASHTAM_SETUP_CODE", secret)
    monkeypatch.setenv("DASHTAM_PORT", "8123")
    terminal = CommandLine()
    listed = [terminal("config"), terminal("config", "--json")]
    for text in listed:
        assert secret not in text
        assert "8123" in text
    options = {option["variable"]: option for option in json.loads(listed[1])["options"]}
    assert options["DASHTAM_PORT"]["default"] == "8000"
    assert all(option["sentence"].endswith(".") for option in options.values())


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashtam", "config", "--data", str(tmp_path)]
    done = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(command)} | head -1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_an_interrupt_ends_a_command_with_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashtam", "users", "create", "a@example.org"]
    with subprocess.Popen(
        [*command, "--data", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell that starts the tests in the background has it ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    ) as running:  # fmt: skip
        while not (tmp_path / "dashtam.db").exists():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, message = running.communicate()
    assert (running.returncode, message) == (130, "\nInterrupted.\n")


def test_doctor_finds_a_new_installation_well(terminal: CommandLine) -> None:
    checks = terminal.json("doctor")["checks"]
    assert all(check["is_well"] for check in checks)
    assert "well " in terminal("doctor")


def test_keys_are_made_listed_and_rotated(empty: CommandLine) -> None:
    ring = Path(empty("keys", "create").strip())
    assert ring.stat().st_mode & 0o077 == 0
    first = empty.json("keys", "list")["keys"]
    assert [key["retired_at"] for key in first] == [None]
    second = empty("keys", "rotate").strip()
    listed = [key["id"] for key in empty.json("keys", "list")["keys"]]
    assert listed == [second, first[0]["id"]]
    assert empty("keys", "create").strip() == str(ring)


def test_a_key_ring_in_a_setting_is_not_rotated_and_the_message_helps(offline: CommandLine) -> None:
    ring = Path(offline("keys", "create").strip())
    text = ring.read_text()
    offline.settings["key_ring"] = text
    message = offline.refused("keys", "rotate")
    assert "DASHTAM_KEY_RING" in message
    assert "no credentials were sealed anew" in message
    assert str(ring) in message
    assert ring.read_text() == text


def test_completion_has_verbs_and_the_values_of_options(offline: CommandLine) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_DASHTAM_COMPLETE" in offline("completion", shell)
    complete = ShellComplete(dashtam, {}, "dashtam", "_DASHTAM_COMPLETE")
    assert [item.value for item in complete.get_completions([], "ba")] == ["balances"]
    assert [item.value for item in complete.get_completions(["db"], "v")] == ["verify"]
    words = ["history", "x", "--source"]
    assert [item.value for item in complete.get_completions(words, "man")] == ["manual_sync"]


def test_the_audit_log_names_every_event(terminal: CommandLine) -> None:
    terminal("accounts", "add", "Cash", "5", "--currency", "USD")
    events = [line["event"] for line in terminal.json("audit")["audit_lines"]]
    assert events == ["balance_typed", "account_created", "connection_created", "user_registered"]
    assert terminal("audit", "--limit", "1").splitlines()[1].split()[3:4] == ["balance_typed"]
