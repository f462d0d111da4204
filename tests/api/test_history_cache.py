"""Responses from the history cache equal those from the rows, byte for byte."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, make_url, select, update
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.history_changes import KINDS, START, change_history, day
from api.history_comparison import (
    assert_equal,
    comparable_content,
    open_plain,
    watch_fast_path,
)
from application import App, Applications, Person
from dashtam.application.history.verification import verify
from dashtam.application.provider import Report
from dashtam.bootstrap.background_tasks import BackgroundTasks
from dashtam.database.engine import open_engine
from dashtam.database.history_cache import history_cache
from dashtam.database.history_cache.chunk_rows import CHUNK_SIZE
from dashtam.database.history_cache.drivers import (
    CacheMissError,
    PostgresqlDriver,
    PreparedStatement,
    SqliteDriver,
)
from dashtam.database.tables import account_heads, history_chunks
from dashtam.database.unit_of_work import Database
from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_history import with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.money import Currency, Money
from dashtam.domain.sync import SnapshotSource, SyncId
from dashtam.domain.user import Principal, User, UserId
from dashtam.presentation.http.content_coding import encode_body
from dashtam.presentation.routers.api.v1.routes.fast_path import (
    ResponseCache,
    build_cached_response,
)
from dashtam.presentation.schemas.snapshots import render_snapshot
from proofs import Proof
from scripted_provider import account

ALL = {"start_date": "1990-01-01", "end_date": "2990-01-01"}


@pytest.fixture
def fast_answers(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Tell of each request that the fast path could answer whether it did."""
    return watch_fast_path(monkeypatch)


@pytest.fixture
def plain(applications: Applications) -> TestClient:
    """The same database, served from its rows alone."""
    return open_plain(applications)


def paths_of(account_id: str, *ranges: tuple[datetime, datetime]) -> list[str]:
    paths = ["/balance-snapshots", "/balance-snapshots?include=hidden,closed"]
    paths += [f"/accounts/{account_id}/balance-snapshots?limit={n}" for n in (1, 2, 30, 100)]
    periods = [ALL] + [
        {"start_date": start.isoformat(), "end_date": end.isoformat()} for start, end in ranges
    ]
    return paths + [f"/accounts/{account_id}/balance-history?{urlencode(one)}" for one in periods]


def assert_same(person: Person, plain: TestClient, paths: list[str]) -> None:
    by_rows = replace(person, client=plain)
    for path in paths:
        contents = set()
        for coding in ("gzip", "identity"):
            headers = {"Accept-Encoding": coding}
            cached, expected = person.get(path, headers=headers), by_rows.get(path, headers=headers)
            # The person has asked for other things too.
            assert_equal(cached, expected, path, ignored=["x-ratelimit-remaining"])
            contents.add(comparable_content(cached))
        assert len(contents) == 1, path


def test_long_histories_are_cached_and_equal_those_of_the_rows(
    ada: Person, plain: TestClient, fast_answers: list[bool]
) -> None:
    account_id = ada.account("0", captured_at=day(0))
    for number in range(1, 160):
        ada.type(account_id, f"{number * 37 % 101}.{number % 100:02d}", day(number))
    ranges = [
        (START + timedelta(days=first), START + timedelta(days=last, seconds=seconds))
        for first, last, seconds in (
            (0, 1, 0),
            (3, 90, 0),
            (71, 73, 0),
            (72, 159, 1),
            (100, 101, 0),
        )
    ]
    fast_answers.clear()
    assert_same(ada, plain, paths_of(account_id, *ranges))
    assert fast_answers
    assert all(fast_answers)


Change = tuple[str, int]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["type", *KINDS]), st.integers(0, 400)), min_size=1, max_size=25
)


def test_after_any_changes_the_cache_equals_the_rows(
    app: App, plain: TestClient, proof: Proof, fast_answers: list[bool]
) -> None:
    people = iter(range(1_000_000))

    @given(CHANGES, st.integers(0, 400), st.integers(1, 300))
    @settings(max_examples=proof(200), deadline=None, suppress_health_check=list(HealthCheck))
    def holds(changes: list[Change], first: int, days: int) -> None:
        ada = app.person(f"ada{next(people)}@example.com")
        imported = b"Date,Balance,Account\n2024-01-03,7.00,Bike\n2024-02-03,8.00,Bike\n"
        ada.post("/imports", files={"file": ("c.csv", imported)})
        account_id = ada.get("/accounts").json()["accounts"][0]["id"]
        start = START + timedelta(days=first)
        paths = paths_of(account_id, (start, start + timedelta(days=days)))
        for place, (kind, number) in enumerate(changes):
            change_history(ada, account_id, place, kind, number)
            assert_same(ada, plain, paths)

    holds()
    assert sum(fast_answers) > len(fast_answers) / 2
    assert verify(app.services.database).outdated_chunks == []


def test_nobody_gets_the_cached_history_of_another(app: App, ada: Person) -> None:
    account_id = ada.account("5")
    bob = app.person("bob@example.com")
    for path in paths_of(account_id)[2:]:
        assert ada.get(path).status_code == 200
        assert bob.get(path).status_code == 403
        assert app.client.get(f"/api/v1{path}").status_code == 401


def test_a_session_that_ended_gets_nothing_more(ada: Person, fast_answers: list[bool]) -> None:
    account_id = ada.account("5")
    paths = paths_of(account_id)
    assert [ada.get(path).status_code for path in paths * 2] == [200] * len(paths) * 2
    assert all(fast_answers)
    assert ada.delete("/sessions/current").status_code == 204
    assert [ada.get(path).status_code for path in paths] == [401] * len(paths)


def test_a_read_only_token_reads_the_cache_until_it_is_revoked(
    ada: Person, fast_answers: list[bool]
) -> None:
    account_id = ada.account("5")
    made = ada.post("/access-tokens", json={"name": "chart"}).json()
    reader = ada.with_token(made["token"])
    paths = paths_of(account_id)
    assert [reader.get(path).status_code for path in paths] == [200] * len(paths)
    assert all(fast_answers)
    ada.delete(f"/access-tokens/{made['id']}")
    assert [reader.get(path).status_code for path in paths] == [401] * len(paths)


def test_cached_responses_spend_like_any_other(
    applications: Applications, fast_answers: list[bool]
) -> None:
    ada = applications.open(rate_limits={"API_READ": "3/1"}).person()
    path = f"/accounts/{ada.account('5')}/balance-snapshots"
    answers = [ada.get(path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert left == ["2", "1", "0", "0"]
    assert fast_answers == [True, True, True, False]


def test_a_response_that_the_client_has_is_not_sent_again(ada: Person) -> None:
    account_id = ada.account("5")
    etags = {path: ada.get(path).headers["ETag"] for path in paths_of(account_id)}
    for path, etag in etags.items():
        again = ada.get(path, headers={"If-None-Match": f'"x", {etag}'})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    ada.type(account_id, "6", "2025-02-01T00:00:00Z")
    for path, etag in etags.items():
        assert ada.get(path, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize("damage", ["segment", "missing", "latest"])
def test_chunks_damaged_by_hand_are_noticed_and_rebuilt(
    app: App, ada: Person, plain: TestClient, damage: str
) -> None:
    ids = [ada.account("1", name=name) for name in ("A", "B")]
    for account_id in ids:
        for number in range(1, 90):
            ada.type(
                account_id, f"{number}", f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z"
            )
    damage_cache(app, UUID(ids[0]), UUID(ids[1]), damage)
    assert_same(ada, plain, paths_of(ids[0]))
    assert_same(ada, plain, paths_of(ids[0]))
    damage_cache(app, UUID(ids[0]), UUID(ids[1]), damage)
    assert verify(app.services.database).outdated_chunks == [UUID(ids[0])]
    assert verify(app.services.database).outdated_chunks == []


def test_damage_that_many_read_is_repaired_once(
    app: App, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = ada.account("5")
    damage_cache(app, UUID(account_id), UUID(account_id), "latest")
    tasks: list[Callable[[], object]] = []
    monkeypatch.setattr(BackgroundTasks, "start", lambda _threads, task: tasks.append(task))
    for _ in range(3):
        assert ada.get("/balance-snapshots").status_code == 200
    assert len(tasks) == 1
    tasks.pop()()
    assert verify(app.services.database).outdated_chunks == []
    damage_cache(app, UUID(account_id), UUID(account_id), "latest")
    ada.get("/balance-snapshots")
    assert len(tasks) == 1


def test_answers_with_long_queries_do_not_fill_the_memory(ada: Person) -> None:
    cache = ResponseCache(200_000)
    body = encode_body([b"{}"], gzip=False)
    response = build_cached_response(Principal(ada.id, None), "token", body)
    cache.get(("/", b"", b"", None, None), 1)
    keys = [("/", b"%d" % n * 10_000, b"", None, None) for n in range(100, 200)]
    for key in keys * 2:
        cache.put(key, 1, response)
    still = [key for key in keys if cache.get(key, 1)]
    assert still == keys[-len(still) :]
    assert 0 < sum(len(key[1]) for key in still) <= 200_000


def test_snapshots_are_rendered_as_those_stored_before() -> None:
    """A change of this needs a migration that empties the cache, which holds the form before."""
    usd = Currency.of("USD")
    snapshot = BalanceSnapshot(
        id=SnapshotId(UUID(int=1)),
        account_id=AccountId(UUID(int=2)),
        balance=Money(Decimal("12.50"), usd),
        available_balance=None,
        holdings_value=Money(Decimal(3), usd),
        cash_value=None,
        source=SnapshotSource.MANUAL_SYNC,
        captured_at=START,
        created_at=START + timedelta(microseconds=1),
        sync_id=SyncId(UUID(int=3)),
        basis=Basis.ENTERED,
    )
    before = replace(snapshot, balance=Money(Decimal(10), usd))
    assert render_snapshot(with_change(before, snapshot)) == EXPECTED


EXPECTED = (
    b'{"id":"00000000-0000-0000-0000-000000000001",'
    b'"account_id":"00000000-0000-0000-0000-000000000002",'
    b'"balance":"12.50","available_balance":null,"holdings_value":"3.00","cash_value":null,"currency":"USD",'
    b'"source":"manual_sync",'
    b'"captured_at":"2024-01-01T10:00:00Z","created_at":"2024-01-01T10:00:00.000001Z",'
    b'"change_amount":"2.50","change_percent":25.0}'
)


def damage_cache(app: App, account_id: UUID, other: UUID, damage: str) -> None:
    """Damage an account's cached history by hand."""
    chunks, heads = history_chunks.c, account_heads.c
    first = select(func.min(chunks.last_at)).where(chunks.account_id == account_id)
    page = (chunks.account_id == account_id) & (chunks.last_at == first.scalar_subquery())
    with app.services.database.write() as work:
        connection = work._connection  # noqa: SLF001 - by hand
        if damage == "missing":
            connection.execute(delete(history_chunks).where(page))
        elif damage == "latest":
            theirs = update(account_heads).values(latest=b"damaged")
            connection.execute(theirs.where(heads.account_id == account_id))
        elif damage == "latest of another":
            latest = select(heads.latest).where(heads.account_id == other).scalar_subquery()
            theirs = update(account_heads).values(latest=latest)
            connection.execute(theirs.where(heads.account_id == account_id))
        else:
            segment = b"damaged"
            if damage == "chunk of another":
                wanted = select(chunks.segment).where(chunks.account_id == other)
                segment = connection.execute(wanted.order_by(chunks.last_at).limit(1)).scalar_one()
            connection.execute(update(history_chunks).where(page).values(segment=segment))


def cache_of(app: App, account_id: UUID) -> list[object]:
    """Return everything that the database holds of an account's cached history."""
    of_account = history_chunks.c.account_id == account_id
    latest = select(account_heads.c.latest).where(account_heads.c.account_id == account_id)
    with app.services.database.read() as work:
        connection = work._connection  # noqa: SLF001 - by hand
        rows = connection.execute(select(history_chunks).where(of_account)).all()
        return [tuple(row) for row in rows] + [connection.scalar(latest)]


def test_an_emptied_cache_is_written_again_with_the_next_snapshot(
    app: App, ada: Person, plain: TestClient, fast_answers: list[bool]
) -> None:
    account_id = ada.account("1", captured_at=day(0))
    ada.type(account_id, "2", day(1))
    with app.services.database.write() as work:
        connection = work._connection  # noqa: SLF001 - by hand, as a migration does
        connection.execute(delete(history_chunks))
        connection.execute(update(account_heads).values(chunked_until=None, latest=None))
    assert_same(ada, plain, paths_of(account_id))
    assert not any(fast_answers)
    ada.type(account_id, "3", day(2))
    fast_answers.clear()
    assert_same(ada, plain, paths_of(account_id))
    assert all(fast_answers)
    assert verify(app.services.database).outdated_chunks == []


def test_an_account_of_which_no_snapshot_counts_leaves_the_others_in_the_cache(
    app: App, ada: Person, plain: TestClient, fast_answers: list[bool]
) -> None:
    account_id = ada.account("1", captured_at=day(0))
    emptied = ada.account("2", captured_at=day(0))
    (run, _) = ada.get("/syncs").json()["syncs"]
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204
    assert ada.history(emptied)["snapshots"] == []
    connection = app.connected(ada)
    app.clock.advance(hours=1)
    app.provider.usual = Report([account("5.00", currency="EUR")])
    assert ada.post(f"/connections/{connection['id']}/syncs").status_code == 201
    assert len(ada.get("/holds").json()["holds"]) == 1
    fast_answers.clear()
    assert_same(ada, plain, paths_of(account_id))
    assert all(fast_answers)
    assert verify(app.services.database).outdated_chunks == []
    ada.type(emptied, "3", day(2))
    assert_same(ada, plain, paths_of(emptied))


@pytest.mark.proves(25, forgeries_found=1)
def test_a_forged_chunk_behind_a_damaged_one_is_a_finding(app: App, ada: Person) -> None:
    mine, other = (UUID(ada.account("1", name=name)) for name in ("A", "B"))
    damage_cache(app, mine, other, "segment")
    damage_cache(app, mine, other, "latest of another")
    evidence = cache_of(app, mine)
    assert [one.code for one in verify(app.services.database).findings] == ["cache_forged"]
    assert cache_of(app, mine) == evidence


@pytest.mark.proves(25, forgeries_found=1)
@pytest.mark.parametrize("forgery", ["chunk of another", "latest of another"])
def test_chunks_rewritten_with_valid_checksums_are_a_finding_and_stay(
    app: App, ada: Person, plain: TestClient, forgery: str
) -> None:
    ids = [ada.account("1", name=name) for name in ("A", "B")]
    ada.type(ids[1], "2", "2026-11-01T00:00:00Z")
    forged, other = map(UUID, ids)
    damage_cache(app, forged, other, forgery)
    evidence = cache_of(app, forged)
    assert_same(ada, plain, paths_of(ids[0]))
    for balance in ("3", "4"):
        report = verify(app.services.database)
        assert [(one.code, one.subject) for one in report.findings] == [("cache_forged", forged)]
        assert (report.outdated_chunks, cache_of(app, forged)) == ([], evidence)
        # A capture and a change of the whole history leave it as it is.
        ada.type(ids[0], balance, f"2026-11-0{balance}T00:00:00Z")
        ada.patch(f"/accounts/{ids[0]}", json={"name": balance})
        assert_same(ada, plain, paths_of(ids[0]))
    with app.services.database.write() as work:
        (account,) = work.accounts.of_ids([AccountId(forged)])
        work.history_chunks.accept(account)
    assert verify(app.services.database).findings == []
    assert_same(ada, plain, paths_of(ids[0]))


def test_the_first_instant_there_is_has_no_chunk_before_it(
    ada: Person, plain: TestClient, fast_answers: list[bool]
) -> None:
    account_id = ada.account("5")
    whole = f"/accounts/{account_id}/balance-history?start_date=0001-01-01&end_date=9999-12-31"
    with capture_logs() as logs:
        assert_same(ada, plain, [whole])
    assert fast_answers == [True, True]
    ada.type(account_id, "4", "0001-01-01T00:00:00Z")
    assert_same(ada, plain, [whole])
    assert all(fast_answers)
    assert ada.get(whole).json()["start_balance"] == "4.00"
    assert "history_chunks_damaged" not in {log["event"] for log in logs}


def test_the_chunks_of_a_long_file_are_made_without_reading_its_rows(app: App, ada: Person) -> None:
    rows = [f"{(START + timedelta(hours=n)).isoformat()},{n},Long" for n in range(5_000)]
    file = "\n".join(["Date,Balance,Account", *rows]).encode()
    reads: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT") and "balance_snapshots" in statement:
            reads.append(statement)

    event.listen(app.installation.engine, "before_cursor_execute", note)
    assert ada.post("/imports", files={"file": ("b.csv", file)}).json()["recorded"] == 5_000
    event.remove(app.installation.engine, "before_cursor_execute", note)
    # Whether the account has any snapshot yet; none of the file's own.
    assert len(reads) <= 1
    assert verify(app.services.database).outdated_chunks == []


def test_a_long_history_is_not_read_in_the_event_loop(
    ada: Person, plain: TestClient, fast_answers: list[bool]
) -> None:
    account_id = ada.account("0", captured_at=day(0))
    longest = history_cache.MAX_CHUNKS * CHUNK_SIZE
    rows = [f"{(START + timedelta(days=1, hours=n)).isoformat()},{n}" for n in range(longest)]
    file = "\n".join(["Date,Balance", *rows]).encode()
    ada.post("/imports", files={"file": ("b.csv", file)}, data={"account_id": account_id})
    last_day = START + timedelta(days=1, hours=longest - 2)
    paths = paths_of(account_id, (START, last_day))[-2:]
    assert_same(ada, plain, paths)
    assert fast_answers == [False, False, True, True]


def test_reading_the_cache_gives_up_no_lock_of_a_writer(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    path = tmp_path / "dashtam.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    database = Database(open_engine(f"sqlite:///{path}"), lambda: START)
    driver = SqliteDriver(path)
    with database.write():
        assert driver.version() is not None
        asyncio.run(driver.fetch(PreparedStatement("SELECT count(*) FROM users"), {}))
        asyncio.run(driver.close())
        assert begins_to_write(path) == "database is locked"
    assert begins_to_write(path) == ""


def begins_to_write(path: Path) -> str:
    """Return why another process cannot write, nothing where it can."""
    other = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error, end="")
"""
    command = [sys.executable, "-c", other, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_postgresql_that_is_away_is_not_asked_by_every_reader() -> None:
    came: list[int] = []

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        writer.close()

    async def read_twice() -> None:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = make_url(f"postgresql+psycopg://me@127.0.0.1:{port}/db?sslmode=disable")
            driver = PostgresqlDriver(url, 2)
            await driver.open()
            for _ in range(2):
                with pytest.raises(CacheMissError):
                    await driver.fetch(PreparedStatement("SELECT 1"), {})
            await driver.close()

    asyncio.run(read_twice())
    assert len(came) == 1


def test_url_options_of_the_other_driver_do_no_harm(
    applications: Applications, database_url: str, fast_answers: list[bool]
) -> None:
    told = "?connect_timeout=5&application_name=dashtam" if "postgresql" in database_url else ""
    ada = applications.open(database_url=database_url + told).person()
    ada.account("5")
    assert ada.get("/balance-snapshots").status_code == 200
    assert fast_answers == [True]


def test_every_commit_of_anybody_makes_another_version(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    path = tmp_path / "dashtam.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    database = Database(open_engine(f"sqlite:///{path}"), lambda: START)
    driver = SqliteDriver(path)
    first = driver.version()
    assert driver.version() == first
    with database.write() as work:
        work.users.add(User(UserId(work.new_id()), "a@example.com", START), "hash")
    second = driver.version()
    asyncio.run(driver.close())
    assert len({first, second, driver.version()}) == 3
    asyncio.run(driver.close())
