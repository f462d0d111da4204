"""The number of statements of a sync does not grow with its accounts."""

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


def test_a_sync_of_many_accounts_takes_few_statements(app: App, ada: Person) -> None:
    def told() -> Report:
        at = app.clock.now
        value = str(at.day)
        numbers = [str(number) for number in range(8)]
        flow = Flow(at.date(), Decimal(5), Currency.of("USD"), FlowKind.DEPOSIT)
        held = [position("VTI", value, at)]
        return Report([account(n, n, positions=held, flows=[flow]) for n in numbers])

    app.provider.usual, app.provider.requests_each = told, 0
    connection = app.connection(app.connected(ada)["id"])
    app.clock.advance(days=1)
    # The cache's first chunk of each account begins here.
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
    done = sync_run.complete(app.services, claim)
    event.remove(app.installation.engine, "before_cursor_execute", note)
    assert done.recorded == len(done.accounts)
    assert len(statements) <= MOST, "\n".join(statements)
