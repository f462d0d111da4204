import json
import signal
import subprocess
import sys
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


def program(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dashtam", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("word", ["--help", "version", "completion"])
def test_what_asks_for_no_data_loads_nothing_heavy(word: str) -> None:
    script = (
        "import sys; from dashtam.__main__ import main\n"
        "try: main()\n"
        f"finally: print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    words = [word, "bash"] if word == "completion" else [word]
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_the_overview_says_of_every_command_what_it_says_itself(empty: CommandLine) -> None:
    overview = empty("--help")
    assert isinstance(dashtam, RootGroup)
    for name, (_, help_text) in COMMANDS.items():
        assert f"  {name} " in overview
        command = dashtam.get_command(Context(dashtam), name)
        assert command is not None
        assert command.get_short_help_str(200) == help_text


def test_every_verb_has_a_sentence(empty: CommandLine) -> None:
    for name in ("accounts", "syncs", "users", "tokens", "keys", "db"):
        verbs = empty(name, "--help").split("Commands:\n")[1].splitlines()
        assert all(len(verb.split()) > 2 and verb.endswith(".") for verb in verbs), verbs
        assert not any(verb.endswith("...") for verb in verbs), verbs


def test_misuse_is_status_2(empty: CommandLine) -> None:
    assert "No such command 'nope'" in empty.refused("nope", status=2)
    assert "No such option" in empty.refused("balances", "--nope", status=2)
    assert "is not one of" in empty.refused("history", "x", "--source", "dream", status=2)
    assert "start_date must be before end_date" in empty.refused(
        "history", "x", "--from", "2025-02-01", "--to", "2025-01-01"
    )


def test_the_version_is_told_to_programs_too(empty: CommandLine) -> None:
    assert empty("version") == f"dashtam {__version__}\n"
    assert empty.json("version") == {"version": __version__}


def test_a_wrong_setting_is_a_sentence() -> None:
    done = program("balances", DASHTAM_PORT="x")
    assert done.returncode == 1
    assert done.stderr.startswith("DASHTAM_PORT: ")
    assert "Traceback" not in done.stderr


def test_settings_are_listed_and_secrets_are_not(tmp_path: Path) -> None:
    secret = "a code that nobody knows"  # noqa: S105 - nobody's
    told = [
        program(*words, DASHTAM_SETUP_CODE=secret, DASHTAM_PORT="8123", DASHTAM_DATA=str(tmp_path))
        for words in (("config",), ("config", "--json"))
    ]
    for done in told:
        assert done.returncode == 0, done.stderr
        assert secret not in done.stdout
        assert "8123" in done.stdout
    options = {option["variable"]: option for option in json.loads(told[1].stdout)["options"]}
    assert options["DASHTAM_PORT"]["default"] == "8000"
    assert all(option["sentence"].endswith(".") for option in options.values())


def test_a_reader_that_goes_away_is_no_trouble(terminal: CommandLine) -> None:
    command = [sys.executable, "-m", "dashtam", "config", "--data", str(terminal.data)]
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
    ) as running:  # fmt: skip
        while not (tmp_path / "dashtam.db").exists():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert (running.returncode, said) == (130, "\nInterrupted.\n")


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


def test_a_ring_that_a_setting_gives_is_not_rotated_and_it_is_said_how(empty: CommandLine) -> None:
    ring = Path(empty("keys", "create").strip())
    text = ring.read_text()
    empty.given["key_ring"] = text
    said = empty.refused("keys", "rotate")
    assert "DASHTAM_KEY_RING" in said
    assert "no credentials were sealed anew" in said
    assert str(ring) in said
    assert ring.read_text() == text


def test_completion_knows_verbs_and_what_options_take(empty: CommandLine) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_DASHTAM_COMPLETE" in empty("completion", shell)
    complete = ShellComplete(dashtam, {}, "dashtam", "_DASHTAM_COMPLETE")
    assert [item.value for item in complete.get_completions([], "ba")] == ["balances"]
    assert [item.value for item in complete.get_completions(["db"], "v")] == ["verify"]
    words = ["history", "x", "--source"]
    assert [item.value for item in complete.get_completions(words, "man")] == ["manual_sync"]


def test_the_audit_log_tells_who_did_what(terminal: CommandLine) -> None:
    terminal("accounts", "add", "Cash", "5", "--currency", "USD")
    events = [line["event"] for line in terminal.json("audit")["audit_lines"]]
    assert events == ["balance_typed", "account_created", "connection_created", "user_registered"]
    assert terminal("audit", "--limit", "1").splitlines()[1].split()[3:4] == ["balance_typed"]
