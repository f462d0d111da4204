"""``db verify`` after changes to the database behind Dashtam's back."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, and_, delete, insert, select, text, update

from cli.conftest import CommandLine, Filling, register
from dashtam.application.history import accounts
from dashtam.application.history.verification import VerificationReport, verify
from dashtam.application.imports import corrections, file_import, typed_balances
from dashtam.application.imports.file_import import Destination
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.application.ports import Services
from dashtam.database.engine import open_engine
from dashtam.database.tables import (
    account_heads,
    balance_snapshots,
    erasures,
    metadata,
    retractions,
)
from dashtam.database.tables import accounts as accounts_table
from dashtam.domain.account import AccountId, AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind, Position, Reading, Statement
from dashtam.domain.sync import SnapshotSource
from proofs import Proof, repetitions

SNAPSHOTS_EACH = 20
FIRST = datetime(2020, 1, 31, 12, tzinfo=UTC)
USD = Currency.of("USD")
_s = balance_snapshots.c

Place = tuple[UUID, int]
Forger = Callable[[], AbstractContextManager[Connection]]

# Each changes one thing of a row to something that it certainly was not.
CHANGES: tuple[Callable[[Any], dict[str, object]], ...] = (
    lambda row: {"balance": row.balance + Decimal("0.01")},
    lambda row: {"balance": row.balance.quantize(Decimal("0.0001"))},
    lambda _row: {"available_balance": Decimal(1)},
    lambda row: {"holdings_value": None if row.holdings_value else Decimal(0)},
    lambda row: {"cash_value": None if row.cash_value else Decimal(7)},
    lambda row: {"captured_at": row.captured_at + timedelta(microseconds=1)},
    lambda row: {"created_at": row.created_at - timedelta(days=1)},
    lambda row: {"as_of": row.created_at},
    lambda _row: {"currency": "EUR"},
    lambda _row: {"source": SnapshotSource.SCHEDULED_SYNC},
    lambda _row: {"id": uuid4()},
    lambda _row: {"link": bytes(32)},
)


@pytest.fixture(scope="module")
def filling() -> Filling:
    """A user with four snapshots for each that a proof changes."""

    def fill(terminal: CommandLine) -> None:
        register(terminal)
        installation = terminal.open({})
        with installation.services().database.write() as work:
            user_id = work.users.all()[0].id
            for number in range(repetitions(1_000) * 4 // SNAPSHOTS_EACH):
                file_import.record_statements(
                    work, Destination(user_id, "ofx"), [statement(f"{number:05}")]
                )
        installation.close()

    return fill


@pytest.fixture
def services(terminal: CommandLine) -> Iterator[Services]:
    installation = terminal.open({})
    yield installation.services()
    installation.close()


def statement(number: str) -> Statement:
    readings = [
        Reading(FIRST + timedelta(days=day), Decimal(f"{number}.{day:02}"), cash_value=Decimal(day))
        for day in range(SNAPSHOTS_EACH)
    ]
    identity = Identity("bank", "Bank", number, f"Account {number}", USD)
    return Statement(identity, readings)


@pytest.fixture
def forger(database_url: str, terminal: CommandLine) -> Iterator[Forger]:
    """An intruder with the password of the database, past its triggers."""
    del terminal
    engine = open_engine(database_url)

    @contextmanager
    def at_work() -> Iterator[Connection]:
        with engine.begin() as connection:
            for name in (
                "balance_snapshots",
                "account_events",
                "position_sets",
                "external_flows",
                "retractions",
                "audit_log",
                "erasures",
            ):
                drop_triggers(connection, name)
            yield connection

    yield at_work
    engine.dispose()


def drop_triggers(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
        return
    known = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    for trigger in connection.scalars(text(known), {"table": name}).all():
        connection.execute(text(f"DROP TRIGGER {trigger}"))


def at(place: Place) -> Any:  # noqa: ANN401 - a condition
    return and_(_s.account_id == place[0], _s.sequence == place[1])


def places(connection: Connection) -> list[Place]:
    rows = connection.execute(
        select(_s.account_id, _s.sequence).order_by(_s.account_id, _s.sequence)
    )
    return [(row.account_id, row.sequence) for row in rows]


def broken(report: VerificationReport) -> set[Place]:
    return {
        (finding.subject, finding.sequence)
        for finding in report.findings
        if finding.code == "chain_broken" and finding.subject and finding.sequence
    }


def codes(report: VerificationReport) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.proves(4)
def test_every_changed_row_is_found_and_no_other(
    services: Services,
    forger: Forger,
    proof: Proof,
    terminal: CommandLine,
) -> None:
    assert verify(services.database).found == 0
    random = Random(20261122)  # noqa: S311 - the same rows each time
    with forger() as connection:
        changed = random.sample(places(connection), proof(1_000))
        for number, place in enumerate(changed):
            row = connection.execute(select(balance_snapshots).where(at(place))).one()
            values = CHANGES[number % len(CHANGES)](row)
            connection.execute(update(balance_snapshots).where(at(place)).values(values))
    report = verify(services.database)
    assert broken(report) == set(changed)
    assert (report.found, codes(report)) == (proof(1_000), {"chain_broken"})
    result = terminal.run("db", "verify")
    assert result.exit_code == 1
    assert result.stdout.count("WRONG") == proof(1_000)
    proof.record(changed_rows_found=report.found, false_alarms=0)


def test_every_removed_row_is_found_by_chain_and_by_count(
    services: Services, forger: Forger
) -> None:
    with forger() as connection:
        first, middle, last = places(connection)[::SNAPSHOTS_EACH][:3]
        gone = {first, (middle[0], SNAPSHOTS_EACH // 2), (last[0], SNAPSHOTS_EACH)}
        for place in gone:
            connection.execute(delete(balance_snapshots).where(at(place)))
    report = verify(services.database)
    assert broken(report) == gone
    assert codes(report) == {"chain_broken", "miscounted"}
    assert report.found == 6


def test_an_added_row_is_found(services: Services, forger: Forger) -> None:
    with forger() as connection:
        place, other = places(connection)[SNAPSHOTS_EACH - 1], places(connection)[-2]
        for copied, sequence in ((place, SNAPSHOTS_EACH + 1), (other, other[1])):
            found = connection.execute(select(balance_snapshots).where(at(copied)))
            row = dict(found.mappings().one())
            row |= {"sequence": sequence, "captured_at": FIRST - timedelta(days=1), "id": uuid4()}
            connection.execute(insert(balance_snapshots).values(row))
    report = verify(services.database)
    assert {place[0], other[0]} == {account for account, _ in broken(report)}
    assert "miscounted" in codes(report)


def test_a_chain_that_was_cut_and_shortened_is_found_by_count(
    services: Services, forger: Forger
) -> None:
    with forger() as connection:
        account_id, last = places(connection)[SNAPSHOTS_EACH - 1]
        before = connection.execute(select(_s.link).where(at((account_id, last - 1)))).scalar_one()
        connection.execute(delete(balance_snapshots).where(at((account_id, last))))
        connection.execute(
            update(account_heads)
            .where(account_heads.c.account_id == account_id)
            .values(chain_length=last - 1, chain_head=before)
        )
    report = verify(services.database)
    assert (report.found, codes(report)) == (1, {"miscounted"})


def test_an_unreadable_row_is_found_and_the_rest_is_still_checked(
    services: Services,
    forger: Forger,
) -> None:
    with forger() as connection:
        known = places(connection)
        unreadable, changed = known[3], known[-1]
        connection.execute(update(balance_snapshots).where(at(unreadable)).values(currency="ZZZ"))
        connection.execute(update(balance_snapshots).where(at(changed)).values(balance=Decimal(1)))
    report = verify(services.database)
    assert broken(report) == {changed}
    assert [f.subject for f in report.findings if f.code == "unreadable"] == [unreadable[0]]
    assert report.found == 2


def test_a_change_without_a_line_in_the_log_is_found(
    services: Services, forger: Forger, terminal: CommandLine
) -> None:
    syncs = terminal.json("syncs", "list", "--limit", "2")["syncs"]
    terminal("retract", syncs[0]["id"], "--yes")
    assert verify(services.database).found == 0
    with forger() as connection:
        connection.execute(delete(retractions))
        row = {"sync_id": UUID(syncs[1]["id"]), "retracted_at": FIRST}
        connection.execute(insert(retractions).values(row))
        user_id = connection.scalar(select(metadata.tables["users"].c.id))
        for erased in (user_id, uuid4()):
            values = {"user_id": erased, "erased_at": FIRST, "snapshots": 0}
            connection.execute(insert(erasures).values(values))
    report = verify(services.database)
    found = [finding.code for finding in report.findings]
    assert sorted(found) == [
        "erasure_undone",
        "erasure_unexplained",
        "erasure_unexplained",
        "retraction_missing",
        "retraction_unexplained",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE account_events SET content = '{}' WHERE number = 2",
         ["event_broken", "event_missing", "event_without_snapshot"]),
        ("UPDATE account_events SET counts = NULL WHERE number = 2", ["event_broken"]),
        ("UPDATE account_events SET sequence = 99 WHERE number = 2",
         ["event_broken", "event_missing", "event_without_snapshot"]),
        ("UPDATE account_events SET kind = 'no kind' WHERE number = 2", ["event_unreadable"]),
        ("DELETE FROM account_events WHERE number = 2", ["event_broken", "event_missing"]),
        (("DELETE FROM account_events WHERE number = 1 AND account_id IN"
          " (SELECT account_id FROM account_events WHERE number = 2)"), ["event_broken"]),
    ],
)  # fmt: skip
def test_an_event_that_is_changed_or_removed_is_found(
    services: Services, forger: Forger, change: str, found: list[str]
) -> None:
    with services.database.write() as work:
        account_id = next(iter(work.account_heads.all())).account_id
        (account,) = work.accounts.of_ids([account_id])
        link = next(iter(work.balance_snapshots.links(account_id)))
        snapshot_id = link.record.id
        corrections.retract(work, account.user_id, account_id, snapshot_id, None)
    assert verify(services.database).found == 0
    with forger() as connection:
        connection.execute(text(change))
    report = verify(services.database)
    assert sorted(finding.code for finding in report.findings) == found


SOLD = (
    "UPDATE position_sets SET content = (SELECT content FROM position_sets WHERE number = 3)"
    " WHERE number = 1"
)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE position_sets SET captured_at = recorded_at WHERE number = 1", {1}),
        ("UPDATE position_sets SET content = link WHERE number = 1", {1, 2}),
        (SOLD, {1, 2}),
        ("UPDATE position_sets SET same_as = 3 WHERE number = 2", {2}),
        ("DELETE FROM position_sets WHERE number = 1", {1}),
        ("DELETE FROM position_sets WHERE number = 3", {3}),
        ("UPDATE account_heads SET positions_length = 2 WHERE positions_length = 3", {4}),
    ],
)
def test_a_set_of_positions_that_is_changed_replaced_or_removed_is_found(
    services: Services, forger: Forger, change: str, found: set[int]
) -> None:
    with services.database.write() as work:
        user_id = work.users.all()[0].id
        for day, symbol in enumerate(("OLD", "OLD", "NEW")):
            at = FIRST + timedelta(days=day)
            position = Position(
                symbol=symbol, name=symbol, asset_type="etf", quantity=Decimal(1), price=None,
                market_value=Decimal(9), cost_basis=None, currency=USD, as_of=at,
            )  # fmt: skip
            told = Statement(
                Identity("broker", "Broker", "1", "Depot", USD),
                [Reading(at, Decimal(9))],
                [position],
            )
            file_import.record_statements(work, Destination(user_id, "ofx"), [told])
    report = verify(services.database)
    assert (report.found, report.position_sets) == (0, 3)
    with forger() as connection:
        connection.execute(text(change))
    report = verify(services.database)
    assert codes(report) == {"positions_broken"}
    assert {finding.sequence for finding in report.findings} == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE external_flows SET amount = '6' WHERE number = 1", 1),
        ("UPDATE external_flows SET booked_on = '2019-01-01' WHERE number = 2", 2),
        ("UPDATE external_flows SET external_id = 'x' WHERE number = 2", 2),
        ("DELETE FROM external_flows WHERE number = 1", 1),
        ("DELETE FROM external_flows WHERE number = 2", 2),
    ],
)
def test_a_flow_that_is_changed_or_removed_is_found(
    services: Services, forger: Forger, change: str, found: int
) -> None:
    with services.database.write() as work:
        user_id = work.users.all()[0].id
        flow = Flow(FIRST.date(), Decimal(5), USD, FlowKind.DEPOSIT)
        told = Statement(
            Identity("broker", "Broker", "1", "Depot", USD),
            [Reading(FIRST, Decimal(9))],
            flows=[flow, flow],
        )
        file_import.record_statements(work, Destination(user_id, "ofx"), [told])
    report = verify(services.database)
    assert (report.found, report.external_flows) == (0, 2)
    with forger() as connection:
        connection.execute(text(change))
    report = verify(services.database)
    assert {(finding.code, finding.sequence) for finding in report.findings} == {
        ("flow_broken", found)
    }


def test_a_clock_that_went_back_is_a_remark_and_nothing_wrong(services: Services) -> None:
    with services.database.write() as work:
        later = work.users.all()[0]
        described = ManualAccount("Cash", AccountType.CASH, USD)
        made = typed_balances.create_manual(work, later.id, described, Reading(FIRST, Decimal(1)))
        work.now -= timedelta(days=1)
        mine = accounts.load(work, later.id, AccountId(made.account.id))
        typed_balances.type_balance(work, mine, Reading(FIRST, Decimal(2)))
    report = verify(services.database)
    assert (report.found, len(report.remarks)) == (0, 1)


def test_an_account_that_went_without_its_snapshots_is_found(
    services: Services, forger: Forger
) -> None:
    with forger() as connection:
        disregard_keys(connection)
        account_id = places(connection)[0][0]
        connection.execute(delete(accounts_table).where(accounts_table.c.id == account_id))
    assert codes(verify(services.database)) == {"orphaned"}


def test_a_run_that_went_without_its_snapshots_is_found(services: Services, forger: Forger) -> None:
    with forger() as connection:
        run = connection.scalars(select(_s.sync_id).limit(1)).one()
        syncs = metadata.tables["syncs"]
        connection.execute(delete(syncs).where(syncs.c.id == run))
    report = verify(services.database)
    assert [(finding.code, finding.subject) for finding in report.findings] == [
        ("sync_missing", run)
    ]


def disregard_keys(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    # SQLite takes this between transactions only.
    for statement in ("COMMIT", "PRAGMA foreign_keys = OFF", "BEGIN"):
        connection.exec_driver_sql(statement)
