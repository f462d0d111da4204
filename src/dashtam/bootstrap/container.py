"""The components of an installation, each created when it is first used."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Self
from uuid import UUID

from sqlalchemy import Engine

from dashtam.application.ports import CountRequest, ServiceOptions, Services
from dashtam.application.provider import Http
from dashtam.bootstrap.background_tasks import BackgroundTasks
from dashtam.bootstrap.private_files import exposed_paths, make_private, private_paths
from dashtam.database import backups, health, migrate, restoration
from dashtam.database.engine import open_engine, sqlite_path
from dashtam.database.history_cache.chunk_format import ChunkFormat, start_digest
from dashtam.database.history_cache.drivers import create_driver
from dashtam.database.history_cache.history_cache import HistoryCache
from dashtam.database.unit_of_work import Clock, Database, translate_outages
from dashtam.domain.account import AccountId
from dashtam.domain.errors import DashtamError
from dashtam.log import log
from dashtam.presentation.http.client_ip import is_loopback
from dashtam.presentation.schemas.snapshots import parse_balance, render_snapshot
from dashtam.security import key_ring
from dashtam.security.key_ring import KeyRing, KeyRingSecrets, KeyRingUnreadable, LiveKeyRing
from dashtam.settings import Settings, read_settings


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the clock itself


class KeyRingMissing(DashtamError):
    """In production no key ring is created by itself."""

    detail = (
        "There is no key ring, and in production none is made up. Make one with"
        " `dashtam keys create`, keep a copy away from the database, and start again."
    )


class Container:
    """The components of one installation."""

    def __init__(
        self, settings: Settings, *, is_upgraded: bool = False, clock: Clock = now
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._is_upgraded = is_upgraded
        self._services: Services | None = None
        self._database_lock: ExitStack | None = None
        self._rebuilding: set[UUID] = set()

    @classmethod
    def open(cls, given: Mapping[str, object], *, clock: Clock = now) -> Self:
        """Read the settings; those in ``given`` override the environment.

        Rate limits in memory count by ``clock`` too, unless it is the system's own, which may be
        set back.

        Raises:
            InvalidSettings: an option is unknown, or has a value that it cannot have.
        """
        container = cls(read_settings(given), clock=clock)
        make_private(container._private_paths())
        return container

    @cached_property
    def database(self) -> Database:
        """The database, its schema upgraded."""
        if not self._is_upgraded:
            self.upgrade()
        self._hold_database()
        return Database(self.engine, self.clock, self.chunk_format)

    @cached_property
    def chunk_format(self) -> ChunkFormat:
        """The format of the history cache; its key is derived when it is first needed."""

        @cache
        def keyed() -> blake2b:
            return start_digest(KeyRingSecrets(self.ring).derive("history cache", b""))

        return ChunkFormat(render_snapshot, parse_balance, keyed)

    @cached_property
    def engine(self) -> Engine:
        """The connections to the database, its schema not upgraded."""
        path = sqlite_path(self.settings.database)
        if path is not None:
            _create_private_folder(path.parent)
        return open_engine(self.settings.database, pool_size=self.settings.database_pool)

    @cached_property
    def ring(self) -> LiveKeyRing:
        """The key ring; it is created on first use, except in production."""
        settings = self.settings
        try:
            if settings.key_ring is not None:
                return LiveKeyRing(KeyRing.parse(settings.key_ring))
            if not settings.key_ring_path.exists():
                if settings.is_production:
                    raise KeyRingMissing
                self.create_keys()
            return LiveKeyRing.at(settings.key_ring_path)
        except (KeyRingUnreadable, OSError) as error:
            raise key_ring_error(settings.key_ring_path, error) from None

    @cached_property
    def setup_code(self) -> str:
        """The code of the first user; derived, so that all processes have the same."""
        derived = KeyRingSecrets(self.ring).derive("setup-code", b"")
        return self.settings.setup_code or base64.b32encode(derived[:10]).decode().lower()

    @cached_property
    def background(self) -> BackgroundTasks:
        """The tasks that continue after a response."""
        return BackgroundTasks(log)

    @cached_property
    def http_client_for(self) -> Callable[[CountRequest], Http]:
        """The factory of HTTP clients for providers."""
        # Its libraries are loaded by the first request to a provider, not by every command.
        from dashtam.providers.http_client import Outbound  # noqa: PLC0415 - see above

        return Outbound(self.settings.outbound_endpoints, self.settings.outbound_ca).client

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach the address to listen on."""
        return self.settings.host == "localhost" or is_loopback(self.settings.host)

    def services(self) -> Services:
        """Return the same services until ``close``."""
        if self._services is not None:
            return self._services
        # Commands that only read the database load none of these.
        from dashtam.providers.registry import load_providers  # noqa: PLC0415 - see above
        from dashtam.rate_limit.redis import RedisBuckets  # noqa: PLC0415 - see above
        from dashtam.rate_limit.token_bucket import MemoryBuckets  # noqa: PLC0415 - see above
        from dashtam.security.cipher import KeyRingCipher  # noqa: PLC0415 - see above
        from dashtam.security.jwt import JwtSigner  # noqa: PLC0415 - see above
        from dashtam.security.passwords import Argon2Passwords  # noqa: PLC0415 - see above
        from dashtam.statements.sandbox import SandboxedStatementFiles  # noqa: PLC0415 - see above

        settings, database = self.settings, self.database
        if settings.redis_url:
            buckets: MemoryBuckets | RedisBuckets = RedisBuckets(settings.redis_url)
        elif self.clock is now:
            buckets = MemoryBuckets()
        else:
            buckets = MemoryBuckets.timed_by(self.clock)
        self._services = Services(
            database=database,
            clock=self.clock,
            passwords=Argon2Passwords(),
            signer=JwtSigner(self.ring, settings.issuer, settings.audience),
            secrets=KeyRingSecrets(self.ring),
            buckets=buckets,
            statement_files=SandboxedStatementFiles(),
            providers=load_providers(),
            cipher=KeyRingCipher(self.ring),
            http_for=lambda spend: self.http_client_for(spend),  # noqa: PLW0108 - loaded when called
            background=self.background,
            history_cache=self._open_history_cache,
            options=ServiceOptions(
                registration=settings.registration,
                setup_code=self.setup_code,
                is_local=self.is_local and settings.public_url is None,
                has_https=(settings.public_url or "").startswith("https:"),
                base_path=settings.base_path,
                origins=settings.trusted_origins,
                rate_policies=settings.rate_policies,
                sync_spacing=timedelta(minutes=settings.sync_spacing_minutes),
                sync_lease=timedelta(seconds=settings.sync_lease_s),
                outbound_hosts=settings.outbound_endpoints,
            ),
        )
        return self._services

    def _open_history_cache(self) -> HistoryCache | None:
        connections = max(1, self.settings.database_pool // 2)
        driver = create_driver(self.engine, connections=connections)
        if driver is None:
            return None
        return HistoryCache(driver, self.chunk_format, self._rebuild_history)

    def close(self) -> None:
        """Wait for background tasks, and close the connections to the database."""
        created = vars(self)
        if "background" in created:
            # A connection that a task still uses would stay open.
            self.background.wait()
        if "engine" in created:
            self.engine.dispose()
        created.pop("database", None)
        self._services = None
        if self._database_lock is not None:
            self._database_lock.close()
            self._database_lock = None

    def upgrade(self) -> tuple[str | None, str]:
        """Upgrade the schema, after a backup of a SQLite database that holds anything."""
        self._hold_database()
        with translate_outages():
            migrate.check_revision(self.engine)
            is_file = sqlite_path(self.settings.database) is not None
            if is_file and not health.is_current(self.engine) and health.has_users(self.engine):
                self.backup(self.settings.data / "backups")
            return migrate.upgrade_engine(self.engine), migrate.HEAD

    def backup(self, folder: Path) -> Path:
        """Back up one consistent state, also while others write."""
        self._hold_database()
        ring = self.settings.key_ring_path
        return backups.write(self.engine, ring if ring.exists() else None, folder, self.clock())

    def create_keys(self) -> Path:
        """Create the key ring and its folder for their owner alone."""
        path = self.settings.key_ring_path
        _create_private_folder(self.settings.data)
        key_ring.create(path, self.clock())
        return path

    def exposed_paths(self) -> Sequence[Path]:
        """Return the folders and files of this installation that others have access to."""
        return exposed_paths(self._private_paths())

    def _private_paths(self) -> Iterator[Path]:
        settings = self.settings
        return private_paths(settings.data, sqlite_path(settings.database), settings.key_ring_path)

    def _hold_database(self) -> None:
        """Keep backups from being restored into a SQLite database until ``close``."""
        if self._database_lock is None:
            lock = ExitStack()
            path = sqlite_path(self.settings.database)
            if path is not None:
                lock.enter_context(restoration.hold(path, self.settings.key_ring_path))
            self._database_lock = lock

    def _rebuild_history(self, account_id: UUID) -> None:
        """Rebuild the cached history of an account, once for all readers that find it damaged."""

        def rebuild() -> None:
            try:
                with self.database.write() as work:
                    for account in work.accounts.of_ids([AccountId(account_id)]):
                        work.history_chunks.rebuild(account)
            finally:
                self._rebuilding.discard(account_id)

        if account_id not in self._rebuilding:
            self._rebuilding.add(account_id)
            self.background.start(rebuild)


def key_ring_error(path: Path, error: Exception) -> DashtamError:
    """Return the error that says why the key ring at this path cannot be used."""
    reason = "it is not readable" if isinstance(error, OSError) else str(error)
    return DashtamError(f"The key ring at {path} cannot be used: {reason}.".replace("..", "."))


def _create_private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
