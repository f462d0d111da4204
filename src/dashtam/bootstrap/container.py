"""The parts of an installation, each made when it is first asked for."""

import base64
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy import Engine

from dashtam.application.ports import ServiceOptions, Services, Spend
from dashtam.application.provider import Http
from dashtam.application.rate_limits import Buckets
from dashtam.bootstrap.worker import Threads
from dashtam.database import backups, health, migrate
from dashtam.database.engine import open_engine, sqlite_path
from dashtam.database.history_cache.drivers import create_driver
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.database.unit_of_work import Clock, Database
from dashtam.domain.account import AccountId
from dashtam.domain.errors import DashtamError
from dashtam.presentation.schemas.snapshot_chunks import rendered
from dashtam.providers.registry import providers
from dashtam.rate_limit.memory import MemoryBuckets
from dashtam.rate_limit.shared import SharedBuckets
from dashtam.security import key_ring
from dashtam.security.cipher import RingCipher
from dashtam.security.jwt import JwtSigner
from dashtam.security.key_ring import KeyRing, KeyRingUnreadable, LiveKeyRing
from dashtam.security.passwords import Argon2Passwords
from dashtam.security.secrets import KeyRingSecrets
from dashtam.settings import Settings, read_settings
from dashtam.statements.statement_files import SandboxedStatementFiles

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the clock itself


class NoKeyRing(DashtamError):
    """In production nothing secret is made up on the way."""

    detail = (
        "There is no key ring, and in production none is made up. Make one with"
        " `dashtam keys create`, keep a copy away from the database, and start again."
    )


class Parts:
    """What one Dashtam is made of. Nothing is opened or made before it is needed."""

    def __init__(
        self, settings: Settings, *, is_upgraded: bool = False, clock: Clock = now
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._is_upgraded = is_upgraded
        self._mending: set[UUID] = set()

    @classmethod
    def open(cls, given: Mapping[str, object], *, clock: Clock = now) -> Self:
        """Read the settings, those of the command line first.

        Args:
            given: settings by name.
            clock: returns the present instant in UTC. Rate limits kept in memory count by it too,
                unless it is the system's own clock, which can go back.

        Raises:
            InvalidSettings: an option is unknown, or has a value that it cannot have.
        """
        return cls(read_settings(given), clock=clock)

    @cached_property
    def database(self) -> Database:
        """The database, its schema brought up to date."""
        if not self._is_upgraded:
            self.upgrade()
        _ = self._held
        return Database(self._engine, self.clock, rendered)

    @cached_property
    def ring(self) -> LiveKeyRing:
        """The key ring; made on first use, but never in production."""
        settings = self.settings
        try:
            if settings.key_ring is not None:
                return LiveKeyRing(KeyRing.parse(settings.key_ring))
            if not settings.key_ring_path.exists():
                if settings.is_production:
                    raise NoKeyRing
                self.create_keys()
            return LiveKeyRing.at(settings.key_ring_path)
        except (KeyRingUnreadable, OSError) as error:
            raise unreadable(settings.key_ring_path, error) from None

    @cached_property
    def _held(self) -> ExitStack:
        """The data folder, held from the first use of the database until ``close``."""
        held = ExitStack()
        if sqlite_path(self.settings.database) is not None:
            held.enter_context(backups.hold_data_folder(self.settings.data))
        return held

    @cached_property
    def _engine(self) -> Engine:
        path = sqlite_path(self.settings.database)
        if path is not None:
            _make_private(path.parent)
        return open_engine(self.settings.database, pool_size=self.settings.database_pool)

    @cached_property
    def _buckets(self) -> Buckets:
        if url := self.settings.redis_url:
            return SharedBuckets(url)
        if self.clock is now:
            return MemoryBuckets()
        return MemoryBuckets(self._clock_ns, self._clock_ns)

    def _clock_ns(self) -> int:
        return (self.clock() - _EPOCH) // timedelta(microseconds=1) * 1_000

    @cached_property
    def _setup_code(self) -> str:
        # Derived, so that every process of this installation asks for the same one.
        derived = KeyRingSecrets(self.ring).derive("setup-code", b"")
        return self.settings.setup_code or base64.b32encode(derived[:10]).decode().lower()

    @cached_property
    def _clients(self) -> Callable[[Spend], Http]:
        # Its libraries are loaded by the first request to a provider, not by every command.
        from dashtam.providers.http_client import Outbound  # noqa: PLC0415 - see above

        return Outbound(self.settings.outbound, self.settings.outbound_ca).client

    def _http_for(self, spend: Spend) -> Http:
        return self._clients(spend)

    @cached_property
    def _threads(self) -> Threads:
        return Threads(structlog.get_logger())

    @cached_property
    def _history_cache(self) -> HistoryCache | None:
        driver = create_driver(self._engine, connections=max(1, self.settings.database_pool // 2))
        return None if driver is None else HistoryCache(driver, self._mend)

    def _mend(self, account_id: UUID) -> None:
        def refresh() -> None:
            try:
                with self.database.write() as work:
                    work.history_chunks.mark_changed(AccountId(account_id))
            finally:
                self._mending.discard(account_id)

        # Whoever reads meanwhile finds the same damage.
        if account_id not in self._mending:
            self._mending.add(account_id)
            self._threads.start(refresh)

    def services(self) -> Services:
        """Return what use cases ask for; the database is brought up to date first."""
        settings = self.settings
        return Services(
            database=self.database,
            clock=self.clock,
            passwords=Argon2Passwords(),
            signer=JwtSigner(self.ring, settings.issuer, settings.audience),
            secrets=KeyRingSecrets(self.ring),
            buckets=self._buckets,
            statement_files=SandboxedStatementFiles(),
            providers=providers(),
            cipher=RingCipher(self.ring),
            http_for=self._http_for,
            background=self._threads,
            history_cache=self._history_cache,
            options=ServiceOptions(
                registration=settings.registration,
                setup_code=self._setup_code,
                is_local=is_loopback(settings.host) and settings.public_url is None,
                has_https=(settings.public_url or "").startswith("https:"),
                base_path=settings.base_path,
                origins=settings.own_origins,
                rate_policies=settings.policies,
                sync_spacing=timedelta(minutes=settings.sync_spacing_minutes),
                sync_lease=timedelta(seconds=settings.sync_lease_s),
            ),
        )

    def close(self) -> None:
        """Let go of the database, where anything was asked of it, once nothing goes on with it."""
        if "_threads" in self.__dict__:
            # A connection that is lent when the others are closed would never be.
            self._threads.wait()
        if "_engine" in self.__dict__:
            self._engine.dispose()
        self.__dict__.pop("database", None)
        held: ExitStack | None = self.__dict__.pop("_held", None)
        if held is not None:
            held.close()

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema to today's; return the revision before (None: empty) and the one now."""
        _ = self._held
        engine = self._engine
        is_file = sqlite_path(self.settings.database) is not None
        if is_file and not health.is_current(engine) and health.has_users(engine):
            self.backup(self.settings.data / "backups")
        return migrate.upgrade_engine(engine), migrate.HEAD

    def backup(self, folder: Path) -> Path:
        """Write the database and the key ring into a new folder inside this one; return it."""
        _ = self._held
        ring = self.settings.key_ring_path
        return backups.write(self._engine, ring if ring.exists() else None, folder, self.clock())

    def create_keys(self) -> Path:
        """Make the key ring if there is none; return where it lies."""
        path = self.settings.key_ring_path
        _make_private(self.settings.data)
        key_ring.create(path, self.clock())
        return path


def unreadable(path: Path, error: Exception) -> DashtamError:
    """Return the refusal that says why the key ring at this path cannot be used."""
    reason = "it is not readable" if isinstance(error, OSError) else str(error)
    return DashtamError(f"The key ring at {path} cannot be used: {reason}.".replace("..", "."))


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
