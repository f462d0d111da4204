from collections.abc import Sequence
from decimal import Decimal
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Inspector, func, inspect, select
from sqlalchemy.exc import DBAPIError

from application import App
from dashtam.application.history import accounts
from dashtam.application.history.capture import AccountReadings, Capture
from dashtam.application.imports import import_profiles, typed_balances
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.application.people import api_tokens, users
from dashtam.application.syncs import syncs
from dashtam.database.engine import open_engine
from dashtam.database.people.idempotency_keys import StoredResponse
from dashtam.database.syncs.authorizations import Authorization
from dashtam.database.tables import metadata
from dashtam.domain.account import Account, AccountType, AliasKind, InstitutionAlias
from dashtam.domain.account_alias import AccountAlias
from dashtam.domain.errors import AccountNotFound, Unauthorized
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind, Position, Reading
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import User

USD = Currency.of("USD")


def with_everything(app: App, email: str) -> Account:
    """Return an account of a new user who has a row in every table."""
    user = app.register(email)
    app.sign_in(email)
    now = app.clock()
    with app.services.database.write() as work:
        api_tokens.create(work, app.services.secrets, user.id, "script", None)
        answer = StoredResponse(bytes(32), now, 201, {"content-type": "text/plain"}, b"kept")
        work.idempotency_keys.claim(user.id, "POST /x", "key", answer, now)
        begun = Authorization(
            uuid4(), user.id, None, user.id.bytes * 2, "bank", None, None, b"sealed", 0, now
        )
        work.authorizations.add(begun, now)
        table = "0" * 64, ",", ["Date", "Balance"]
        import_profiles.save(work, user.id, table, {"balance": "Balance"})
        described = ManualAccount("Cash", AccountType.CASH, USD)
        made = typed_balances.create_manual(work, user.id, described, reading(app, "1.00"))
        typed = typed_balances.type_balance(work, made.account, reading(app, "2.00"))
        syncs.retract(work, user.id, typed.sync_id)
        work.syncs.hide(syncs.load(work, user.id, typed.sync_id))
        position = Position(
            symbol="X", name="X", asset_type="stock", quantity=Decimal(1), price=None,
            market_value=None, cost_basis=None, currency=USD, as_of=now,
        )  # fmt: skip
        with_position = AccountReadings(
            made.account,
            SnapshotSource.ACCOUNT_SYNC,
            [reading(app, "3.00")],
            positions=[position],
            flows=[Flow(now.date(), Decimal(5), USD, FlowKind.DEPOSIT)],
        )
        Capture(work, typed.sync_id).record([with_position], now)
        institution = InstitutionAlias(AliasKind.ID, "bank")
        work.accounts.add_aliases({made.account.id: [AccountAlias(institution, "1", USD)]}, now)
    return made.account


def reading(app: App, balance: str) -> Reading:
    return Reading(app.clock(), Decimal(balance))


def counts(database_url: str) -> dict[str, int]:
    engine = open_engine(database_url)
    try:
        with engine.connect() as connection:
            return {name: count(connection, name) for name in metadata.tables}
    finally:
        engine.dispose()


def count(connection: Connection, name: str) -> int:
    return connection.scalar(select(func.count()).select_from(metadata.tables[name])) or 0


def owner(app: App, account: Account) -> User:
    with app.services.database.read() as work:
        return users.load(work, account.user_id)


def test_an_erased_user_leaves_nothing_but_that_it_was_done(app: App, database_url: str) -> None:
    with_everything(app, "kept@example.org")
    before = counts(database_url)
    assert all(before[name] for name in before if name != "erasures"), before
    account = with_everything(app, "gone@example.org")
    user = owner(app, account)
    with app.services.database.write() as work:
        assert users.erase(work, user) == 2
    assert counts(database_url) == before | {
        "erasures": 1,
        "audit_log": before["audit_log"] + 1,
    }
    with app.services.database.read() as work:
        line = work.audit_log.newest(1)[0]
        with pytest.raises(Unauthorized):
            users.load(work, user.id)
    assert (line.event, line.user_id, line.subject) == ("user_erased", None, user.id)


def test_nobody_elses_snapshots_can_be_removed_with_them(app: App, database_url: str) -> None:
    with_everything(app, "kept@example.org")
    gone = with_everything(app, "gone@example.org")
    with app.services.database.write() as work:
        users.erase(work, owner(app, gone))
    engine = open_engine(database_url)
    try:
        for name in ("balance_snapshots", "retractions", "audit_log", "erasures"):
            with pytest.raises(DBAPIError), engine.begin() as connection:
                connection.execute(metadata.tables[name].delete())
    finally:
        engine.dispose()


def test_an_erasure_amid_recording_leaves_no_orphan(app: App, database_url: str) -> None:
    account = with_everything(app, "gone@example.org")
    user = owner(app, account)
    start = Barrier(5)
    refused: list[Exception] = []

    def record() -> None:
        start.wait()
        try:
            for _ in range(200):
                with app.services.database.write() as work:
                    mine = accounts.load(work, user.id, account.id)
                    typed_balances.type_balance(work, mine, reading(app, "3.00"))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            refused.append(error)

    threads = [Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    with app.services.database.write() as work:
        users.erase(work, user)
    for thread in threads:
        thread.join()
    left = counts(database_url)
    assert not any(left[name] for name in left if name not in {"erasures", "audit_log"}), left
    # On PostgreSQL a write that had begun finds its user erased.
    assert all(isinstance(error, AccountNotFound | Unauthorized) for error in refused), refused
    assert len(refused) == 4


def test_no_row_that_goes_is_looked_for_in_a_whole_table(database_url: str) -> None:
    engine = open_engine(database_url)
    inspector = inspect(engine)
    unindexed = [
        (table, key["constrained_columns"])
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
        if not any(
            columns[: len(key["constrained_columns"])] == key["constrained_columns"]
            for columns in indexed(inspector, table)
        )
    ]
    engine.dispose()
    assert unindexed == []


def indexed(inspector: Inspector, table: str) -> list[Sequence[str | None]]:
    return [
        inspector.get_pk_constraint(table)["constrained_columns"],
        *(index["column_names"] for index in inspector.get_indexes(table)),
        *(unique["column_names"] for unique in inspector.get_unique_constraints(table)),
    ]
