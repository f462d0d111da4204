"""Syncs of a live provider: how many a second, and how many statements each executes."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Engine, event

from benchmarks.databases import Home
from benchmarks.ingest import rate
from dashtam.application.connections.connect import NewConnection, connect
from dashtam.application.ports import Services
from dashtam.application.provider import AccountReport, CredentialField, Http, Pace, Renew, Report
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncRequest
from dashtam.bootstrap import Installation, now
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.connection import Connection
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position, Reading
from dashtam.domain.sync import SnapshotSource, SyncState
from dashtam.domain.user import User, UserId
from dashtam.providers.key_provider import KeyProvider

_ROUNDS: Final = 5
_SYMBOLS: Final = ("AAA", "BBB")
_USD: Final = Currency.of("USD")


class Syncs(msgspec.Struct, frozen=True):
    """Syncs of all accounts of one connection, from the claim to the commit of the result."""

    accounts: int
    per_second: float
    statements: int


class _Clock:
    """Stands still, but for the sync that moves it."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        return self.now


class _Bank(KeyProvider):
    """A provider that answers at once, with other balances each time."""

    slug = "benchmark"
    name = "Benchmark Bank"
    credentials: Sequence[CredentialField] = (CredentialField("token", "Token"),)
    pace = Pace(every=timedelta(days=1), daily_budget=1_000_000)

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._fetches = 0

    def fetch(
        self,
        stored: Mapping[str, str],
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Report every account; every second one has two positions."""
        del stored, http, backfill, renew
        self._fetches += 1
        return Report([self._report(place, now) for place in range(self._accounts)])

    def _report(self, place: int, now: datetime) -> AccountReport:
        identity = Identity(
            institution_key="benchmark",
            institution=self.name,
            external_id=f"account-{place}",
            name=f"Account {place + 1}",
            account_type=AccountType.BROKERAGE if place % 2 else AccountType.CHECKING,
            number_masked=None,
            currency=_USD,
        )
        balance = Decimal(self._fetches * 1_234 + place).scaleb(-2)
        positions = [_position(symbol, balance, now) for symbol in _SYMBOLS] if place % 2 else None
        return AccountReport(identity, Reading(now, balance), positions=positions)


def _position(symbol: str, value: Decimal, at: datetime) -> Position:
    return Position(
        symbol=symbol, name=symbol, asset_type="equity", quantity=Decimal(1), price=value,
        market_value=value, cost_basis=None, currency=_USD, as_of=at,
    )  # fmt: skip


def measure(home: Home, *, accounts: int, seconds: float) -> Syncs:
    """Sync one connection over and over, in an empty installation at home."""
    home.clear()
    clock = _Clock()
    installation = Installation.open(home.given, clock=clock)
    try:
        bank = _Bank(accounts)
        services = replace(installation.services(), providers={bank.slug: bank})
        new = NewConnection(bank.slug, {"token": "secret"})
        connection = connect(services, _user(services), new).connection
        sync = partial(_sync, services, connection, clock)
        sync()
        with _counted(installation.engine) as count:
            sync()
        rates = [rate(sync, seconds / _ROUNDS) for _ in range(_ROUNDS)]
    finally:
        installation.close()
    return Syncs(accounts, statistics.median(rates), len(count))


def _sync(services: Services, connection: Connection, clock: _Clock) -> None:
    # Live snapshots of an account are a second apart.
    clock.now += timedelta(seconds=2)
    with services.database.write() as work:
        request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
        claim = claims.claim_connection(work, services, connection, request)
    sync = sync_run.complete(services, claim)
    assert sync.state is SyncState.SUCCEEDED, sync


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    """Yield a list of the statements that are executed until the end of the ``with`` block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _user(services: Services) -> UserId:
    with services.database.write() as work:
        user = User(UserId(work.random_id()), "syncs@example.org", work.now)
        work.users.add(user, "!")
        return user.id
