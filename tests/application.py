"""The application on a database of the test's own, by a clock that the test sets, and its users."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient
from typing_extensions import override

from dashtam.application.people import sessions, users
from dashtam.application.people.sessions import TokenPair
from dashtam.application.ports import Services
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncClaim, SyncRequest
from dashtam.bootstrap import Installation
from dashtam.database.engine import open_engine
from dashtam.domain.account import AccountId
from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.history.balance_snapshot import Basis, SnapshotId
from dashtam.domain.history.hash_chain import Chain, Record, link_records
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, Sync, SyncId, SyncKind, SyncState
from dashtam.domain.user import Session, SessionId, User, UserId
from dashtam.security.passwords import Argon2Passwords
from scripted_provider import SECRET, Nowhere, Scripted

URL = "http://127.0.0.1:8000"
EMAIL = "Ann@example.org"
PASSWORD = "a pelican under nine bridges"  # noqa: S105 - nobody's
ADDRESS = "192.0.2.7"
Stub = Callable[[Services], Services]
"""Replaces some of the application's services."""
UNLIMITED = dict.fromkeys(
    ("API_READ", "API_WRITE", "SYNC", "AUTH", "UNAUTHENTICATED"), "100000/100000"
)


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: datetime = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class CountingPasswords(Argon2Passwords):
    """Real hashes with cheap parameters, counted."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)
        self.calls = 0
        self._lock = Lock()

    @override
    def hash(self, password: str) -> str:
        self._count()
        return super().hash(password)

    @override
    def verify(self, password: str, kept: str | None) -> bool:
        self._count()
        return super().verify(password, kept)

    def _count(self) -> None:
        with self._lock:
            self.calls += 1


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in user; ``issue_token`` gives the access token of a request."""

    id: UserId
    client: TestClient
    issue_token: Callable[[], str]

    @property
    def token(self) -> str:
        return self.issue_token()

    def with_token(self, token: str) -> "Person":
        return replace(self, issue_token=lambda: token)

    def get(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - a response
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - a response
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - a response
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:  # noqa: ANN401 - a response
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - a response
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def account(self, balance: str = "0", currency: str = "USD", **fields: Any) -> str:  # noqa: ANN401 - JSON
        """Make a manual account and return its id."""
        body = {
            "name": "Everyday",
            "account_type": "checking",
            "currency": currency,
            "balance": balance,
            "captured_at": "2025-01-01T10:00:00Z",
        } | fields
        made = self.post("/accounts", json=body)
        assert made.status_code == 201, made.text
        account_id: str = made.json()["id"]
        return account_id

    def type(self, account_id: str, balance: str, captured_at: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
        """Type a balance and return the snapshot it became."""
        body = {"balance": balance, "captured_at": captured_at} | fields
        typed = self.post(f"/accounts/{account_id}/balance-snapshots", json=body)
        assert typed.status_code == 201, typed.text
        return typed.json()

    def history(self, account_id: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        """Return the account's whole history."""
        query = {"start_date": "1900-01-01", "end_date": "9999-12-31"} | query
        answer = self.get(f"/accounts/{account_id}/balance-history", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


class StubbedInstallation(Installation):
    """An installation of which some services are a test's own."""

    stub: Stub

    @override
    def services(self) -> Services:
        if self._services is None:
            self._services = self.stub(super().services())
        return self._services


@dataclass(slots=True)
class App:
    """One running application; ``services`` are those of the calls that a test makes itself."""

    installation: StubbedInstallation
    client: TestClient
    clock: Clock
    provider: Scripted
    passwords: CountingPasswords
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = self.installation.services()

    def register(self, email: str = EMAIL, password: str = PASSWORD) -> User:
        return users.register(
            self.services, email, password, setup_code=None, needs_setup_code=False, address=ADDRESS
        )

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> TokenPair:
        return sessions.sign_in(self.services, email, password, ADDRESS, "a browser")

    def set_registration(self, registration: str, setup_code: str | None = None) -> None:
        options = replace(self.services.options, registration=registration, setup_code=setup_code)
        self.services = replace(self.services, options=options)

    def person(self, email: str = "ada@example.com") -> Person:
        """Return a new user whose session outlasts every test, without the slow hash."""
        with self.services.database.write() as work:
            user = User(UserId(work.new_id()), email, work.now)
            assert work.users.add(user, "nobody signs in with this")
        return self.session_of(user.id)

    def session_of(self, user_id: UserId) -> Person:
        """Return a user with a new session that outlasts every test."""
        with self.services.database.write() as work:
            session = Session(
                id=SessionId(work.new_id()),
                user_id=user_id,
                generation=0,
                refresh_hash=work.random_id().bytes * 2,
                rotated_at=work.now,
                created_at=work.now,
                last_used_at=work.now,
                expires_at=work.now + timedelta(days=3650),
                revoked_at=None,
                address="127.0.0.1",
                user_agent="tests",
            )
            work.sessions.add(session)
        # The same token as long as the clock stands still, and one that is valid wherever it goes.
        issue = cache(partial(self.services.signer.issue, user_id, session.id))
        return Person(user_id, self.client, lambda: issue(self.clock()))

    def connect(self, person: Person, token: str = SECRET, **more: Any) -> Any:  # noqa: ANN401 - a response
        headers = more.pop("headers", {})
        body = {"provider": "scripted", "credentials": {"token": token}} | more
        return person.post("/connections", json=body, headers=headers)

    def connected(self, person: Person) -> Any:  # noqa: ANN401 - JSON
        made = self.connect(person)
        assert made.status_code == 201, made.text
        return made.json()

    def connection(self, connection_id: str) -> Connection:
        with self.services.database.read() as work:
            found = work.connections.get(ConnectionId(UUID(connection_id)))
        assert found is not None
        return found

    def claim(self, connection_id: str) -> SyncClaim:
        with self.services.database.write() as work:
            request = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
            connection = self.connection(connection_id)
            return claims.claim_connection(work, self.services, connection, request)

    def sync_due(self, at_most: int = 100) -> list[Sync]:
        """Sync as a worker does, until nothing is due."""
        done: list[Sync] = []
        while len(done) < at_most and (claim := claims.claim_due(self.services)):
            done.append(sync_run.complete(self.services, claim))
        return done

    def query(self, statement: str) -> list[Any]:
        engine = open_engine(self.installation.settings.database)
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(statement)))
        finally:
            engine.dispose()

    def rows_of_people(self) -> str:
        """Return each value of each column of the people's tables, as text."""
        tables = ("users", "sessions", "api_tokens", "audit_log")
        return repr([list(row) for table in tables for row in self.query(f"SELECT * FROM {table}")])

    def events(self) -> list[str]:
        """Return the events of the audit log, oldest first."""
        with self.services.database.read() as work:
            return [line.event for line in reversed(work.audit_log.newest(1000))]

    def record(self, person: Person, account_id: str, *rows: dict[str, Any]) -> None:
        """Store snapshots as a live sync would have: their ids, sources and times are given."""
        with self.services.database.write() as work:
            account = work.accounts.get(AccountId(UUID(account_id)))
            assert account is not None
            sync_id = SyncId(uuid4())
            work.syncs.add(
                Sync(
                    id=sync_id,
                    user_id=person.id,
                    connection_id=account.connection_id,
                    kind=SyncKind.LIVE,
                    source=SnapshotSource.ACCOUNT_SYNC,
                    state=SyncState.SUCCEEDED,
                    started_at=work.now,
                    finished_at=work.now,
                    recorded=len(rows),
                    skipped=0,
                    accounts=(),
                    code=None,
                    detail=None,
                    retracted_at=None,
                )
            )
            head = work.account_heads.lock([account])[account.id]
            records = [
                _record(row, account.id, sequence, sync_id, account.currency)
                for sequence, row in enumerate(rows, head.chain_length + 1)
            ]
            links = list(link_records(head.chain, records))
            work.balance_snapshots.add(links)
            if links:
                head.chain = Chain(links[-1].record.sequence, links[-1].digest)
                head.newest_at = max(record.reading.captured_at for record in records)
            work.history_chunks.rebuild(account)
            work.account_heads.mark_synced([account], work.now)


def _record(
    row: dict[str, Any], account_id: AccountId, sequence: int, sync_id: SyncId, currency: Currency
) -> Record:
    def amount(name: str) -> Decimal | None:
        return None if row.get(name) is None else Decimal(row[name])

    captured_at = datetime.fromisoformat(row["captured_at"])
    return Record(
        id=SnapshotId(UUID(row["id"]) if "id" in row else uuid4()),
        account_id=account_id,
        sequence=sequence,
        sync_id=sync_id,
        source=SnapshotSource(row.get("source", "account_sync")),
        basis=Basis.OBSERVED,
        currency=currency,
        reading=Reading(
            captured_at=captured_at,
            balance=Decimal(row["balance"]),
            available_balance=amount("available_balance"),
            holdings_value=amount("holdings_value"),
            cash_value=amount("cash_value"),
        ),
        created_at=datetime.fromisoformat(row.get("created_at", row["captured_at"])),
    )


@dataclass
class Applications:
    """Opens the application on one database, as often as a test changes its settings."""

    database_url: str
    folder: Path
    client_options: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    provider: Scripted = field(default_factory=Scripted)
    passwords: CountingPasswords = field(default_factory=CountingPasswords)
    has_network: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)

    def open(self, stub: Stub = lambda services: services, /, **settings: object) -> App:
        """Open it with settings of the test's own; ``stub`` replaces more of its services."""
        installation = self.installation(stub, **settings)
        client = TestClient(
            installation.app(), URL, raise_server_exceptions=False, **self.client_options
        )
        self._opened.enter_context(client)
        return App(installation, client, self.clock, self.provider, self.passwords)

    def installation(
        self, stub: Stub = lambda services: services, /, **settings: object
    ) -> StubbedInstallation:
        given = {"data": self.folder, "database_url": self.database_url} | settings
        installation = StubbedInstallation.open(given, clock=self.clock)
        installation.stub = lambda services: stub(self._stub(services))
        self._opened.callback(installation.close)
        return installation

    def close(self) -> None:
        """Close every one that is open."""
        self._opened.close()

    def _stub(self, services: Services) -> Services:
        return replace(
            services,
            providers={**services.providers, self.provider.slug: self.provider},
            http_for=services.http_for if self.has_network else Nowhere,
            passwords=self.passwords,
        )


@pytest.fixture
def applications(database_url: str, tmp_path: Path) -> Iterator[Applications]:
    """The application, not opened yet, on each database."""
    found = Applications(database_url, tmp_path / "data")
    yield found
    found.close()


@pytest.fixture
def app(applications: Applications) -> App:
    """The application, open to everyone and without rate limits."""
    return applications.open(registration="open", rate_limits=UNLIMITED, database_pool=25)


@pytest.fixture
def ada(app: App) -> Person:
    """Someone who is signed in."""
    return app.person()
