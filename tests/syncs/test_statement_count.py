"""The number of statements of a sync does not grow with its accounts."""

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import event

from application import App, Person
from dashtam.application.provider import Report
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncRequest
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind
from dashtam.domain.sync import SnapshotSource
from scripted_provider import account, position

MOST = 20
ENOUGH_TO_JUDGE = 12


def executed(app: App, person: Person, told: Callable[[], Report], syncs: int) -> list[str]:
    """Return the statements of the last of some daily syncs of a new connection."""
    app.provider.usual, app.provider.requests_each = told, 0
    connection = app.connection(app.connected(person)["id"])
    for _ in range(syncs - 1):
        app.clock.advance(days=1)
        sync_run.complete(app.services, app.claim(str(connection.id)))
    app.clock.advance(days=1)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(app.installation.engine, "before_cursor_execute", note)
    with app.services.database.write() as work:
        request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
        claim = claims.claim_connection(work, app.services, connection, request)
    sync_run.complete(app.services, claim)
    event.remove(app.installation.engine, "before_cursor_execute", note)
    assert any(one.startswith("INSERT INTO balance_snapshots") for one in statements)
    return statements


def test_a_sync_of_many_accounts_takes_few_statements(app: App, ada: Person) -> None:
    def told() -> Report:
        at = app.clock.now
        value = str(at.day)
        numbers = [str(number) for number in range(8)]
        flow = Flow(at.date(), Decimal(5), Currency.of("USD"), FlowKind.DEPOSIT)
        held = [position("VTI", value, at)]
        return Report([account(n, n, positions=held, flows=[flow]) for n in numbers])

    statements = executed(app, ada, told, syncs=2)
    assert len(statements) <= MOST, "\n".join(statements)


def test_balances_that_all_fall_to_zero_take_no_more_statements(app: App, ada: Person) -> None:
    def counted(person: Person, accounts: int) -> int:
        numbers = [str(number) for number in range(accounts)]
        asked = 0

        def told() -> Report:
            nonlocal asked
            asked += 1
            is_gone = asked > ENOUGH_TO_JUDGE
            held = [] if is_gone else [position("VTI", "70", app.clock.now)]
            value = "0" if is_gone else "70"
            return Report([account(value, n, positions=held) for n in numbers])

        statements = executed(app, person, told, syncs=ENOUGH_TO_JUDGE)
        assert any(one.startswith("INSERT INTO account_events") for one in statements)
        return len(statements)

    assert counted(ada, 2) == counted(app.person("brian"), 6)
