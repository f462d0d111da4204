"""Imports in several transactions: nothing counts before all of it does."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import BytesIO
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest

from api.problem_assertions import assert_problem
from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import (
    Import,
    ImportInterrupted,
    SentFile,
    WrongAccount,
)
from dashtam.application.people import users
from dashtam.application.syncs import syncs
from dashtam.database.history_cache import history_chunks
from dashtam.domain.account import AccountId
from dashtam.domain.errors import Unauthorized
from dashtam.domain.sync import SyncId

ACCOUNTS = 5
DAYS = 12
EVER = {"start_date": "1900-01-01", "end_date": "9999-12-31"}
FIRST = date(2025, 1, 1)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each statement recorded in a transaction of its own."""
    monkeypatch.setattr(file_import, "_PIECE", 1)
    monkeypatch.setattr(file_import, "_ATTEMPTS", 1)


def file_of(accounts: int = ACCOUNTS, *, changed: bool = False) -> bytes:
    rows = (
        f"{FIRST + timedelta(day)},{day}{'5' if changed else '0'}.5,Account {account},USD\n"
        for account in range(accounts)
        for day in range(DAYS)
    )
    return ("Date,Balance,Account,Currency\n" + "".join(rows)).encode()


def send(
    app: App,
    person: Person,
    file: bytes,
    meanwhile: Callable[[int], object] = lambda _recorded: None,
    **fields: Any,  # noqa: ANN401 - any field of the class
) -> Import:
    """Import a file; ``meanwhile`` is called between the transactions."""

    def progress(recorded: int, _count: int) -> None:
        meanwhile(recorded)

    sent = SentFile(person.id, BytesIO(file), progress=progress, **fields)
    return file_import.import_file(app.services, sent)


def accounts(person: Person) -> Any:  # noqa: ANN401 - JSON
    return person.get("/accounts").json()["accounts"]


def assert_nothing_counts(person: Person) -> None:
    latest = person.get("/balance-snapshots").json()
    assert latest["snapshots"] == []
    assert person.get("/balance-history", params=EVER).json()["series"] == []
    for account in accounts(person):
        assert account["balance"] is None
        assert person.history(account["id"])["total_count"] == 0
        recent = person.get(f"/accounts/{account['id']}/balance-snapshots").json()
        assert recent["snapshots"] == []


def assert_sound(app: App) -> None:
    report = verify(app.services.database)
    assert (report.findings, report.remarks, report.outdated_chunks) == ([], [], [])


def test_nothing_of_an_import_counts_before_its_end(app: App, ada: Person) -> None:
    seen: list[int] = []

    def look(recorded: int) -> None:
        assert_nothing_counts(ada)
        assert_sound(app)
        if recorded > 1:
            [run] = ada.get("/syncs").json()["syncs"]
            assert run["state"] == "running"
            seen.append(run["recorded"])

    done = send(app, ada, file_of(), look)
    assert seen[-1] > seen[0] > 0
    assert (done.recorded, done.skipped, done.refused) == (ACCOUNTS * DAYS, 0, 0)
    assert_sound(app)
    assert len(accounts(ada)) == ACCOUNTS
    for account in accounts(ada):
        rows = ada.history(account["id"])["snapshots"]
        assert [row["balance"] for row in rows] == [f"{10 * day}.50" for day in range(DAYS)]
        assert {row["source"] for row in rows} == {"initial_connection"}
        assert account["last_synced_at"] is not None
    [run] = ada.get("/syncs").json()["syncs"]
    assert (run["state"], run["recorded"]) == ("succeeded", ACCOUNTS * DAYS)


def test_others_write_between_the_pieces(app: App, ada: Person) -> None:
    bob = app.person("bob@example.com")
    mine, theirs = ada.account("1"), bob.account("1")

    def write(recorded: int) -> None:
        ada.type(mine, f"{recorded}.00", "2025-02-01")
        bob.type(theirs, f"{recorded}.00", "2025-02-01")

    send(app, ada, file_of(), write)
    assert ada.history(mine)["total_count"] == bob.history(theirs)["total_count"] > ACCOUNTS
    assert_sound(app)


def test_a_corrected_file_stands_last_only_when_all_of_it_is_there(app: App, ada: Person) -> None:
    send(app, ada, file_of())
    [first, *_] = accounts(ada)
    before = ada.history(first["id"])

    def look(_recorded: int) -> None:
        assert ada.history(first["id"]) == before

    done = send(app, ada, file_of(changed=True), look)
    assert (done.recorded, done.skipped) == (ACCOUNTS * DAYS, 0)
    assert ada.history(first["id"])["snapshots"][-1]["balance"] == f"{DAYS - 1}5.50"
    again = send(app, ada, file_of(changed=True))
    assert (again.recorded, again.skipped) == (0, ACCOUNTS * DAYS)
    assert_sound(app)


def test_a_second_import_waits_for_the_first_and_says_so(app: App, ada: Person) -> None:
    def refused(recorded: int) -> None:
        if recorded > 1:
            answer = ada.post("/imports", files={"file": ("b.csv", file_of())})
            problem = assert_problem(answer, 409, "conflict")
            assert "Try again once that has ended." in problem["detail"]
            assert ada.get(answer.headers["location"].removeprefix("/api/v1")).status_code == 200

    assert send(app, ada, file_of(), refused).recorded == ACCOUNTS * DAYS


def test_another_run_is_not_retracted_meanwhile(app: App, ada: Person) -> None:
    earlier = send(app, ada, file_of(2))

    def retract(recorded: int) -> None:
        if recorded > 1:
            assert_problem(ada.delete(f"/syncs/{earlier.sync_id}"), 409, "conflict")

    done = send(app, ada, file_of(), retract)
    assert (done.recorded, done.skipped) == ((ACCOUNTS - 2) * DAYS, 2 * DAYS)
    assert ada.delete(f"/syncs/{earlier.sync_id}").status_code == 204
    assert_sound(app)


def test_a_run_that_its_owner_ends_records_nothing(app: App, ada: Person) -> None:
    def end(recorded: int) -> None:
        if recorded == 3:
            [run] = ada.get("/syncs").json()["syncs"]
            assert ada.delete(f"/syncs/{run['id']}").status_code == 204

    with pytest.raises(ImportInterrupted):
        send(app, ada, file_of(), end)
    assert_nothing_counts(ada)
    assert_sound(app)
    [run] = ada.get("/syncs").json()["syncs"]
    assert run["state"] == "failed"
    assert run["retracted_at"] is not None
    assert send(app, ada, file_of()).recorded == ACCOUNTS * DAYS
    assert_sound(app)


def test_an_import_that_lost_its_lease_is_ended_by_the_next(app: App, ada: Person) -> None:
    def vanish(recorded: int) -> None:
        if recorded == 3:
            app.clock.advance(hours=1)
            assert send(app, ada, file_of(2)).recorded == 2 * DAYS

    with pytest.raises(ImportInterrupted):
        send(app, ada, file_of(), vanish)
    assert {account["name"] for account in accounts(ada) if account["balance"]} == {
        "Account 0",
        "Account 1",
    }
    assert_sound(app)


def test_a_fault_in_the_middle_records_nothing(app: App, ada: Person) -> None:
    def fail(recorded: int) -> None:
        if recorded == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(app, ada, file_of(), fail)
    assert_nothing_counts(ada)
    assert_sound(app)
    assert send(app, ada, file_of()).recorded == ACCOUNTS * DAYS


def test_a_file_of_several_accounts_is_not_of_one(app: App, ada: Person) -> None:
    send(app, ada, file_of(1))
    [account] = accounts(ada)
    before = ada.history(account["id"])
    with pytest.raises(WrongAccount):
        send(app, ada, file_of(changed=True), account_id=AccountId(UUID(account["id"])))
    assert ada.history(account["id"]) == before
    assert_sound(app)


def test_a_user_erased_in_the_middle_leaves_nothing(app: App) -> None:
    bob = app.person("bob@example.com")

    def erase(recorded: int) -> None:
        if recorded == 3:
            with app.services.database.write() as work:
                user = work.users.get(bob.id)
                assert user is not None
                users.erase(work, user)

    with pytest.raises(Unauthorized):
        send(app, bob, file_of(), erase)
    assert app.query("SELECT * FROM balance_snapshots") == []
    assert_sound(app)


def outcomes(done: Import) -> list[object]:
    return [(one.account.name, one.is_new, one.outcome.recorded, one.skipped, one.refused,
             one.problems, one.preview.points) for one in done.accounts]  # fmt: skip


def test_a_preview_of_a_long_file_tells_the_same(app: App, ada: Person) -> None:
    send(app, ada, file_of(2))
    # The last two rows repeat an instant: one as it was, and one with another balance.
    file = file_of(3, changed=True) + (
        f"{FIRST},05.5,Account 2,USD\n{FIRST},9,Account 1,USD\n".encode()
    )
    preview = send(app, ada, file, is_dry=True)
    assert len(accounts(ada)) == 2
    done = send(app, ada, file)
    assert outcomes(preview) == outcomes(done)
    assert_sound(app)


def test_chunks_of_long_histories_are_written_after_the_commit(
    app: App, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_chunks, "_MOST_REBUILT", 10)
    send(app, ada, file_of(2))
    [first, second] = accounts(ada)
    debt = ada.patch(f"/accounts/{first['id']}", json={"balance_sign": -1})
    assert debt.status_code == 200
    assert_sound(app)
    assert ada.history(first["id"])["snapshots"][-1]["balance"] == f"-{DAYS - 1}0.50"
    assert ada.history(second["id"])["snapshots"][-1]["balance"] == f"{DAYS - 1}0.50"
    chunks = app.query("SELECT COUNT(*) FROM history_chunks")
    assert chunks[0][0] == 2


def test_the_end_of_one_import_does_not_end_the_next(app: App, ada: Person) -> None:
    first = _in_steps(app, ada)
    next(first)
    [run] = ada.get("/syncs").json()["syncs"]
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204

    def end_first(recorded: int) -> None:
        if recorded == 3:
            with pytest.raises(ImportInterrupted):
                next(first)

    done = send(app, ada, file_of(), end_first)
    assert done.recorded == ACCOUNTS * DAYS
    assert_sound(app)


def test_a_sign_that_changes_between_the_pieces_is_that_of_every_answer(
    app: App, ada: Person
) -> None:
    def turn(recorded: int) -> None:
        if recorded == 3:
            [first, *_] = accounts(ada)
            assert ada.patch(f"/accounts/{first['id']}", json={"balance_sign": -1}).is_success

    send(app, ada, file_of(), turn)
    [first, *_] = accounts(ada)
    assert ada.history(first["id"])["snapshots"][-1]["balance"] == f"-{10 * (DAYS - 1)}.50"
    latest = ada.get("/balance-snapshots").json()["snapshots"]
    assert {row["balance"] for row in latest if row["account_id"] == first["id"]} == {
        f"-{10 * (DAYS - 1)}.50"
    }
    assert_sound(app)


def test_chunks_that_were_prepared_before_a_retraction_are_not_stored(
    app: App, ada: Person
) -> None:
    done = send(app, ada, file_of(2))
    database = app.services.database
    with database.write() as work:
        for account in work.accounts.of_ids([one.account.id for one in done.accounts]):
            work.history_chunks.rebuild(account, later=True)
    with database.read() as work:
        found = work.accounts.of_ids([one.account.id for one in done.accounts])
        prepared = work.history_chunks.prepare(found)
    assert ada.delete(f"/syncs/{done.sync_id}").status_code == 204
    with database.write() as work:
        assert len(work.history_chunks.store(prepared)) == 2
    assert_nothing_counts(ada)


def test_a_run_whose_lease_has_ended_can_be_retracted(app: App, ada: Person) -> None:
    def vanish(recorded: int) -> None:
        if recorded == 3:
            [run] = ada.get("/syncs").json()["syncs"]
            app.clock.advance(hours=1)
            for _ in range(2):
                with app.services.database.write() as work:
                    syncs.retract(work, ada.id, SyncId(UUID(run["id"])))

    with pytest.raises(ImportInterrupted):
        send(app, ada, file_of(), vanish)
    assert_sound(app)


def test_a_file_that_changes_nothing_leaves_the_chunks_alone(app: App, ada: Person) -> None:
    send(app, ada, file_of())
    before = app.query("SELECT cache_rebuilds FROM account_heads")
    assert send(app, ada, file_of()).recorded == 0
    assert app.query("SELECT cache_rebuilds FROM account_heads") == before


def test_a_preview_tells_amounts_apart_whose_hashes_are_equal(app: App, ada: Person) -> None:
    file = file_of(2) + f"{FIRST},-1,Account 9,USD\n{FIRST},-2,Account 9,USD\n".encode()
    dry, real = (send(app, ada, file, is_dry=is_dry) for is_dry in (True, False))
    assert outcomes(dry) == outcomes(real)


def _in_steps(app: App, person: Person) -> Iterator[None]:
    """Import a file in a thread that stops after two pieces until this is advanced again."""
    reached, go_on = Event(), Event()
    failed: list[BaseException] = []

    def pause(recorded: int) -> None:
        if recorded == 3:
            reached.set()
            assert go_on.wait(20)

    def run() -> None:
        try:
            send(app, person, file_of(), pause)
        except ImportInterrupted as error:
            failed.append(error)

    thread = Thread(target=run)
    thread.start()
    assert reached.wait(20)
    yield
    go_on.set()
    thread.join(20)
    raise failed[0]
