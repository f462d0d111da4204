"""A world with a scripted provider and a clock that a test moves, over HTTP and without."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from starlette.testclient import TestClient
from structlog import get_logger

from application import Person
from dashtam.application.ports import ServiceOptions, Services
from dashtam.application.rate_limits import POLICIES
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncClaim, SyncRequest
from dashtam.bootstrap.background_tasks import BackgroundTasks
from dashtam.database.engine import open_engine
from dashtam.database.unit_of_work import Database
from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.sync import SnapshotSource, Sync
from dashtam.domain.user import Session, SessionId, User, UserId
from dashtam.presentation.app import AppOptions, make_app
from dashtam.presentation.schemas.snapshot_chunks import render_snapshot
from dashtam.rate_limit.memory import MemoryBuckets
from dashtam.security.cipher import KeyRingCipher
from dashtam.security.jwt import JwtSigner
from dashtam.security.key_ring import LiveKeyRing, create
from dashtam.security.passwords import Argon2Passwords
from dashtam.security.secrets import KeyRingSecrets
from dashtam.statements.statement_files import SandboxedStatementFiles
from scripted_provider import SECRET, Nowhere, Scripted

GENEROUS = 1_000_000


@dataclass
class SetClock:
    now: datetime = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Scene:
    services: Services
    clock: SetClock
    provider: Scripted
    database_url: str
    people: int = 0
    clients: list[TestClient] = field(default_factory=list)

    def client(self) -> TestClient:
        if not self.clients:
            client = TestClient(
                make_app(self.services, surroundings()),
                base_url="http://127.0.0.1:8000",
                raise_server_exceptions=False,
            )
            self.clients.append(client.__enter__())
        return self.clients[0]

    def person(self, email: str = "ada@example.com") -> Person:
        with self.services.database.write() as work:
            user = User(UserId(work.new_id()), email, work.now)
            assert work.users.add(user, "nobody signs in with this")
            session = Session(
                id=SessionId(work.new_id()),
                user_id=user.id,
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
        return Resident(user.id, self.client(), "", self, session.id)

    def connect(self, person: Person, token: str = SECRET, **more: Any) -> Any:  # noqa: ANN401 - an answer
        body = {"provider": "scripted", "credentials": {"token": token}} | more
        return person.post("/connections", json=body)

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
            wanted = SyncRequest(SnapshotSource.MANUAL_SYNC, is_forced=True)
            return claims.claim_connection(
                work, self.services, self.connection(connection_id), wanted
            )

    def work_off(self, at_most: int = 100) -> list[Sync]:
        """Do what one worker does, until nothing is due."""
        done: list[Sync] = []
        while len(done) < at_most and (claim := claims.claim_due(self.services)):
            done.append(sync_run.complete(self.services, claim))
        return done

    def query(self, statement: str) -> list[Any]:
        engine = open_engine(self.database_url)
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(statement)))
        finally:
            engine.dispose()

    def events(self) -> list[str]:
        with self.services.database.read() as work:
            return [line.event for line in reversed(work.audit_log.newest(1000))]


@dataclass(frozen=True, slots=True)
class Resident(Person):
    """Someone whose access token is always fresh, however far the clock is moved."""

    scene: Scene
    session_id: SessionId

    def request(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - what httpx gives
        issued = self.scene.services.signer.issue(self.id, self.session_id, self.scene.clock())
        headers = {"Authorization": f"Bearer {issued}"} | options.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)


def surroundings() -> AppOptions:
    return AppOptions(
        version="0",
        threads=20,
        public_url=None,
        trusted_proxies=[],
        cors_origins=[],
        errors_url="https://api.dashtam.com/errors/",
        is_ready=lambda: True,
        jwks=dict,
        observe=lambda _method, _status, _took_s: None,
        metrics=None,
        close=lambda: None,
        log=get_logger(),
    )


def scene(database_url: str, folder: Path) -> Iterator[Scene]:
    clock, provider = SetClock(), Scripted()
    engine = open_engine(database_url, pool_size=25)
    services = world_of(Database(engine, clock, render_snapshot), clock, folder)
    made = Scene(services, clock, provider, database_url)
    background = BackgroundTasks(get_logger())
    made.services = replace(
        made.services, providers={provider.slug: provider}, background=background
    )
    try:
        yield made
    finally:
        for client in made.clients:
            client.__exit__(None, None, None)
        # One that has just ended a run may hold its connection to the database still.
        background.wait(60)
        engine.dispose()


def world_of(database: Database, clock: Any, folder: Path) -> Services:  # noqa: ANN401 - any clock
    ring = folder / "keys" / "ring.json"
    create(ring, clock())
    return ring_world(database, clock, ring)


def ring_world(database: Database, clock: Any, ring: Path) -> Services:  # noqa: ANN401 - any clock
    keys = LiveKeyRing.at(ring)
    return Services(
        database=database,
        clock=clock,
        passwords=Argon2Passwords(),
        signer=JwtSigner(keys, "https://dashtam.example", "dashtam"),
        secrets=KeyRingSecrets(keys),
        buckets=MemoryBuckets(),
        statement_files=SandboxedStatementFiles(),
        providers={},
        cipher=KeyRingCipher(keys),
        http_for=Nowhere,
        background=BackgroundTasks(get_logger()),
        options=ServiceOptions(
            registration="open",
            setup_code=None,
            is_local=True,
            has_https=False,
            base_path="",
            origins=(),
            rate_policies={
                policy.name: replace(policy, capacity=GENEROUS, per_minute=GENEROUS)
                for policy in POLICIES
            },
        ),
    )
