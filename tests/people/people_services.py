"""The services for the tests of people: all are real, except the clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Lock, Thread
from typing import TypeVar

from sqlalchemy import text
from structlog import get_logger

from dashtam.application.people import sessions, users
from dashtam.application.people.sessions import TokenPair
from dashtam.application.ports import ServiceOptions, Services
from dashtam.application.rate_limits import POLICIES
from dashtam.bootstrap.background_tasks import BackgroundTasks
from dashtam.database.engine import open_engine
from dashtam.database.unit_of_work import Database
from dashtam.domain.user import User
from dashtam.presentation.schemas.snapshot_chunks import render_snapshot
from dashtam.providers.http_client import Outbound
from dashtam.rate_limit.memory import MemoryBuckets
from dashtam.security.cipher import KeyRingCipher
from dashtam.security.jwt import JwtSigner
from dashtam.security.key_ring import LiveKeyRing, create
from dashtam.security.passwords import Argon2Passwords
from dashtam.security.secrets import KeyRingSecrets
from dashtam.statements.statement_files import SandboxedStatementFiles

T = TypeVar("T")

EMAIL = "Ann@example.org"
PASSWORD = "a pelican under nine bridges"  # noqa: S105 - nobody's
ADDRESS = "192.0.2.7"


@dataclass
class SetClock:
    """A clock that a test moves."""

    now: datetime = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic_ns(self) -> int:
        return int(self.now.timestamp() * 1_000_000_000)


@dataclass
class CountingPasswords:
    """Real hashes with cheap parameters, counted."""

    real: Argon2Passwords = field(default_factory=lambda: Argon2Passwords(memory_kib=8, passes=1))
    calls: int = 0
    lock: Lock = field(default_factory=Lock)

    def hash(self, password: str) -> str:
        self.count()
        return self.real.hash(password)

    def verify(self, password: str, kept: str | None) -> bool:
        self.count()
        return self.real.verify(password, kept)

    def is_common(self, password: str, email: str) -> bool:
        return self.real.is_common(password, email)

    def count(self) -> None:
        with self.lock:
            self.calls += 1


@dataclass
class Stage:
    """The services, and the parts that a test moves or counts."""

    services: Services
    clock: SetClock
    passwords: CountingPasswords
    ring: Path

    def decide(self, registration: str, setup_code: str | None = None) -> None:
        options = replace(self.services.options, registration=registration, setup_code=setup_code)
        self.services = replace(self.services, options=options)

    def register(self, email: str = EMAIL, password: str = PASSWORD) -> User:
        return users.register(
            self.services, email, password, setup_code=None, needs_setup_code=False, address=ADDRESS
        )

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> TokenPair:
        return sessions.sign_in(self.services, email, password, ADDRESS, "a browser")

    def events(self) -> list[str]:
        with self.services.database.read() as work:
            return [line.event for line in reversed(work.audit_log.newest(1000))]


def stage(database_url: str, folder: Path) -> Iterator[Stage]:
    clock = SetClock()
    passwords = CountingPasswords()
    ring = folder / "keys" / "ring.json"
    create(ring, clock())
    keys = LiveKeyRing.at(ring)
    engine = open_engine(database_url, pool_size=25)
    services = Services(
        database=Database(engine, clock, render_snapshot),
        clock=clock,
        passwords=passwords,
        signer=JwtSigner(keys, "https://dashtam.example", "dashtam"),
        secrets=KeyRingSecrets(keys),
        buckets=MemoryBuckets(clock.monotonic_ns),
        statement_files=SandboxedStatementFiles(),
        providers={},
        cipher=KeyRingCipher(keys),
        http_for=Outbound().client,
        background=BackgroundTasks(get_logger()),
        options=ServiceOptions(
            registration="open",
            setup_code=None,
            is_local=True,
            has_https=False,
            base_path="",
            origins=(),
            rate_policies={policy.name: policy for policy in POLICIES},
        ),
    )
    try:
        yield Stage(services, clock, passwords, ring)
    finally:
        engine.dispose()


def at_once(times: int, act: Callable[[int], T]) -> list[T | Exception]:
    """Call the function in threads that start together; return the results and errors."""
    outcomes: list[T | Exception] = []
    start = Barrier(times)

    def run(number: int) -> None:
        start.wait()
        try:
            outcomes.append(act(number))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes.append(error)

    threads = [Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def everything_stored(database_url: str) -> str:
    """Return each value of each column of the people's tables, as text."""
    engine = open_engine(database_url)
    try:
        with engine.connect() as connection:
            rows = [
                list(row)
                for table in ("users", "sessions", "api_tokens", "audit_log")
                for row in connection.execute(text(f"SELECT * FROM {table}"))
            ]
    finally:
        engine.dispose()
    return repr(rows)
