import json
from datetime import timedelta

from cli.conftest import EMAIL, PASSWORD, CommandLine

BOB = "bob@example.org"


def test_the_only_user_is_meant_and_of_several_one_must_be_named(empty: CommandLine) -> None:
    assert "`dashtam users create EMAIL`" in empty.refused("balances")
    empty("users", "create", EMAIL, typed=f"{PASSWORD}\n")
    assert empty.json("balances")["total_count"] == 0
    empty("users", "create", BOB, typed=f"{PASSWORD}\n")
    assert f"--user ({EMAIL}, {BOB})" in empty.refused("balances")
    assert empty.json("--user", BOB, "balances")["total_count"] == 0
    assert "Nobody with the e-mail eve@" in empty.refused("balances", "--user", "eve@example.org")
    assert [user["email"] for user in empty.json("users", "list")["users"]] == [EMAIL, BOB]


def test_passwords_break_no_rule_and_e_mails_are_taken_once(terminal: CommandLine) -> None:
    assert "12 to 256" in terminal.refused("users", "create", BOB, typed="short\n")
    assert "easy to guess" in terminal.refused("users", "create", BOB, typed="password1234\n")
    again = terminal.refused("users", "create", EMAIL.upper(), typed=f"{PASSWORD}\n")
    assert "already" in again
    assert "no time zone" in terminal.refused("users", "time-zone", "Mars/Olympus")
    assert terminal("users", "time-zone", "Pacific/Auckland") == f"{EMAIL}: Pacific/Auckland\n"
    assert "12 to 256" in terminal.refused("users", "reset-password", EMAIL, typed="short\n")
    assert terminal("users", "reset-password", EMAIL, typed=f"{PASSWORD} more\n") == ""


def test_an_erased_user_is_gone_and_verify_reports_it(terminal: CommandLine) -> None:
    terminal("accounts", "add", "Cash", "5", "--currency", "USD")
    assert "add --yes" in terminal.refused("users", "erase", EMAIL)
    assert terminal.json("balances")["total_count"] == 1
    result = terminal.run("users", "erase", EMAIL, "--yes")
    assert (result.exit_code, result.stderr) == (0, f"{EMAIL} was removed, with 1 snapshot.\n")
    assert terminal.json("users", "list")["total_count"] == 0
    report = terminal.json("db", "verify")
    assert (report["found"], report["erasures"][0]["snapshots"]) == (0, 1)
    assert "erased 1 snapshot of user" in terminal("db", "verify")


def test_a_token_is_printed_alone_and_once(terminal: CommandLine) -> None:
    token = terminal("tokens", "create", "--read-only", "--days", "3", "--name", "grafana")
    assert token.startswith("dta_")
    assert len(token.split()) == 1
    listed = terminal("tokens", "list")
    assert "grafana" in listed
    assert token.strip() not in listed
    assert "add --yes" in terminal.refused("tokens", "revoke", "graf")
    terminal("tokens", "revoke", "graf", "--yes")
    assert terminal.json("tokens", "list")["total_count"] == 0
    assert terminal.refused("tokens", "revoke", "graf") == "There is no token 'graf'.\n"


def test_an_account_is_found_by_its_name_or_id_alone(terminal: CommandLine) -> None:
    for name in ("Car", "Card", "Savings"):
        terminal("accounts", "add", name, "1", "--currency", "usd")
    assert terminal.json("snapshots", "saving")["total_count"] == 1
    assert terminal.json("snapshots", "CAR")["total_count"] == 1
    message = terminal.refused("snapshots", "ca")
    assert message.startswith("Several accounts can be meant by 'ca': Car (")
    account_id = terminal.json("accounts", "list")["accounts"][1]["id"]
    assert terminal.json("snapshots", account_id)["snapshots"][0]["account_id"] == account_id
    terminal("users", "create", BOB, typed=f"{PASSWORD}\n")
    assert "There is no account" in terminal.refused("snapshots", account_id, "--user", BOB)


def test_an_account_is_hidden_closed_renamed_and_shown_again(terminal: CommandLine) -> None:
    terminal("accounts", "add", "Car", "-20000", "--currency", "EUR", "--type", "loan")
    terminal("accounts", "change", "car", "--hide", "--name", "Lorry", "--type", "other")
    assert terminal.json("balances")["total_count"] == 0
    assert terminal.json("balances", "--hidden")["total_balance_by_currency"] == {
        "EUR": "-20000.00"
    }
    changed = terminal.json("accounts", "change", "lorry", "--show", "--close", "2025-02-01")
    assert (changed["closed_at"], changed["account_type"]) == ("2025-02-01T12:00:00Z", "other")
    assert terminal.json("balances", "--closed")["total_count"] == 1
    assert terminal.json("accounts", "change", "lorry", "--reopen")["closed_at"] is None
    assert "type debts negative" in terminal.refused("accounts", "change", "lorry", "--sign", "-1")
    assert "Give a change: --name" in terminal.refused("accounts", "change", "lorry", status=2)


def test_a_doubtful_amount_is_refused(terminal: CommandLine) -> None:
    for amount in ("1e5", "1,000", "--5", "0x1", "\u0661", "1.1234567890123456789", "5 EUR"):
        message = terminal.refused("accounts", "add", "Car", amount, "--currency", "USD", status=2)
        assert " type " in message.lower()
    assert terminal.json("accounts", "list")["total_count"] == 0


def test_an_amount_as_people_write_it_is_repeated_before_it_is_recorded(
    terminal: CommandLine,
) -> None:
    add = ("accounts", "add", "Car", "1.250,50", "--currency", "EUR", "--at", "2025-03-05")
    repeated = terminal.refused(*add)
    assert repeated.startswith("You typed 1,250.50 EUR for 2025-03-05. Record it?")
    assert "Car: " in terminal(*add, "--yes")
    record = ("accounts", "record", "car", "(12.30)")
    assert "You typed -12.30 EUR for now." in terminal.refused(*record)
    assert terminal(*record, "--yes") == "Car: -12.30 EUR\n"


def test_a_balance_of_the_future_is_refused(terminal: CommandLine) -> None:
    words = ("accounts", "add", "Car", "1", "--currency", "USD", "--at", "9999-01-01")
    assert "future" in terminal.refused(*words)
    assert "Write an instant like" in terminal.refused(*words[:-1], "yesterday", status=2)


def test_a_reading_is_as_it_was_known_at_an_instant(terminal: CommandLine) -> None:
    terminal("accounts", "add", "House", "1", "--currency", "USD", "--at", "2025-01-01")
    then = terminal.clock().isoformat()
    now = terminal.clock
    terminal.clock = lambda: now() + timedelta(hours=1)
    before = {
        words: terminal.json(*words)
        for words in (("balances",), ("history", "House"), ("snapshots", "House"))
    }
    terminal("accounts", "record", "House", "2", "--at", "2025-02-01")
    terminal("accounts", "change", "House", "--name", "Cottage")
    for (verb, *_), answer in before.items():
        words = (verb,) if verb == "balances" else (verb, "Cottage")
        assert terminal.json(*words, "--known-at", then) == answer
        assert terminal.json(*words) != answer
        message = terminal.refused(*words, "--known-at", "9999-01-01")
        assert "the future is not known" in message
    exported = json.loads(terminal("export", "--known-at", then))
    assert [one["name"] for one in exported["accounts"]] == ["House"]
    assert len(exported["balance_snapshots"]) == len(exported["account_events"]) == 1
    assert exported["holdings"] == []


def test_a_snapshot_is_corrected_and_taken_back(terminal: CommandLine) -> None:
    terminal("accounts", "add", "House", "1", "--currency", "EUR", "--at", "2025-01-01")
    for balance, day in (("200", "2025-02-01"), ("30000", "2025-03-01")):
        terminal("accounts", "record", "house", balance, "--at", day)
    wrong, gone, _ = terminal.json("snapshots", "house")["snapshots"]
    assert "--reason" in terminal.refused(
        "snapshot", "correct", "house", wrong["id"], "1", status=2
    )
    message = terminal.refused("snapshot", "correct", "house", wrong["id"], "300,50", "--reason=x")
    assert "You typed 300.50 EUR for 2025-03-01. Record it?" in message
    corrected = terminal.json(
        *("snapshot", "correct", "house", wrong["id"], "-300.50", "--reason", "Cents.")
    )
    assert (corrected["balance"], corrected["captured_at"]) == ("-300.50", wrong["captured_at"])
    assert "Take back 200.00 EUR of 2025-02-01?" in terminal.refused(
        "snapshot", "retract", "house", gone["id"]
    )
    terminal("snapshot", "retract", "house", gone["id"], "--reason", "Not mine.", "--yes")
    kept = terminal.json("snapshots", "house")["snapshots"]
    assert [one["balance"] for one in kept] == ["-300.50", "1.00"]
    assert terminal.refused("snapshot", "retract", "house", kept[0]["account_id"], "--yes") == (
        "Snapshot not found\n"
    )


def test_snapshots_that_do_not_count_are_shown_with_a_note(terminal: CommandLine) -> None:
    terminal("accounts", "add", "House", "1", "--currency", "EUR", "--at", "2025-01-01")
    terminal("accounts", "record", "house", "200", "--at", "2025-02-01")
    (wrong, _) = terminal.json("snapshots", "house")["snapshots"]
    terminal("snapshot", "correct", "house", wrong["id"], "2", "--reason", "Cents.")
    shown = terminal("snapshots", "house", "--evidence").splitlines()
    assert shown[0].split()[-2:] == ["NOTE", "ID"]
    assert "a correction" in shown[1]
    assert "200.00" not in "".join(shown)
    for command in ("snapshots", "history"):
        included = terminal(command, "house", "--include", "superseded,retracted")
        assert "superseded 20" in included
        found = terminal.json(command, "house", "--include", "superseded")
        assert found["total_count"] == 3
        assert found["snapshots"][1]["evidence"]["superseded_at"] is not None
    assert "evidence" not in terminal.json("snapshots", "house")["snapshots"][0]
    message = terminal.refused("history", "house", "--include", "lost", status=2)
    assert "superseded, retracted or held" in message


def test_the_changes_of_the_past_are_listed(terminal: CommandLine) -> None:
    terminal("accounts", "add", "House", "1", "--currency", "EUR", "--at", "2025-01-01")
    assert terminal.json("accounts", "revisions", "house")["total_count"] == 0
    (wrong,) = terminal.json("snapshots", "house")["snapshots"]
    terminal("snapshot", "correct", "house", wrong["id"], "2", "--reason", "Cents.")
    terminal("accounts", "change", "house", "--hide")
    newest, oldest = terminal.json("accounts", "revisions", "house")["revisions"]
    assert (newest["kind"], oldest["kind"], oldest["reason"]) == (
        "settings",
        "correction",
        "Cents.",
    )
    shown = terminal("accounts", "revisions", "house")
    assert "A balance was corrected. Cents." in shown
    assert "2025-01-01  2025-01-01" in shown
    assert "The account was hidden." in shown


def test_holds_are_listed_and_decided_by_id(terminal: CommandLine) -> None:
    terminal("accounts", "add", "House", "1", "--currency", "EUR")
    assert terminal("holds").split()[:3] == ["ACCOUNT", "HELD", "BEFORE"]
    assert terminal.json("holds", "list") == {"holds": [], "total_count": 0}
    (snapshot,) = terminal.json("snapshots", "house")["snapshots"]
    for decision in ("release", "reject"):
        assert terminal.refused("holds", decision, snapshot["id"]) == "Hold not found\n"
