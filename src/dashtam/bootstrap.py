"""Settings become the running application: the one place where ports meet adapters."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Engine
from starlette.types import ASGIApp

from dashtam import __version__
from dashtam.application.ports import Rules, Spend, World
from dashtam.application.providers import Http
from dashtam.application.rate_limits import Buckets
from dashtam.domain.account import AccountId
from dashtam.domain.errors import Refusal
from dashtam.infrastructure import checks, logs
from dashtam.infrastructure.database import backups, health, migrate
from dashtam.infrastructure.database.drivers import driver_of
from dashtam.infrastructure.database.engine import open_engine, sqlite_path
from dashtam.infrastructure.database.ready_reads import SqlReadyReads
from dashtam.infrastructure.database.unit_of_work import SqlDatabase
from dashtam.infrastructure.metrics import Metrics, counting_together
from dashtam.infrastructure.providers.live import providers
from dashtam.infrastructure.providers.spool import StatementFiles
from dashtam.infrastructure.rate_limit.memory import MemoryBuckets
from dashtam.infrastructure.rate_limit.shared import SharedBuckets
from dashtam.infrastructure.resealing import reseal
from dashtam.infrastructure.scheduler import Threads, Worker
from dashtam.infrastructure.security import key_ring
from dashtam.infrastructure.security.access_tokens import Signer
from dashtam.infrastructure.security.cipher import RingCipher
from dashtam.infrastructure.security.key_ring import KeyRing, KeyRingUnreadable, LiveKeyRing
from dashtam.infrastructure.security.passwords import Passwords
from dashtam.infrastructure.security.secrets import Secrets
from dashtam.presentation import granian_server
from dashtam.presentation.app import Surroundings, make_app
from dashtam.presentation.cli.installation import Check, Key, Option
from dashtam.presentation.ready_snapshots import rendered
from dashtam.presentation.server import serve
from dashtam.settings import PREFIX, Settings, read_settings

_SECRET_OPTIONS = frozenset({"key_ring", "setup_code", "database_url", "redis_url"})


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the clock itself


class NoKeyRing(Refusal):
    """In production nothing secret is made up on the way."""

    detail = (
        "There is no key ring, and in production none is made up. Make one with"
        " `dashtam keys create`, keep a copy away from the database, and start again."
    )


class Installation:
    """One Dashtam as its settings say. Nothing is opened or made before it is needed."""

    def __init__(self, settings: Settings, *, is_upgraded: bool = False) -> None:
        self.settings = settings
        self._is_upgraded = is_upgraded
        self._mending: set[UUID] = set()

    @classmethod
    def open(cls, given: Mapping[str, object]) -> "Installation":
        """Read the settings, those of the command line first.

        Raises:
            InvalidSettings: an option is unknown, or has a value that it cannot have.
        """
        return cls(read_settings(given))

    @cached_property
    def database(self) -> SqlDatabase:
        """The database, its schema brought up to date."""
        if not self._is_upgraded:
            self.upgrade()
        _ = self._held
        return SqlDatabase(self._engine, now, rendered)

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
            raise _unreadable(settings.key_ring_path, error) from None

    @cached_property
    def _held(self) -> ExitStack:
        """The data folder, held from the first use of the database until ``close``."""
        held = ExitStack()
        if sqlite_path(self.settings.database) is not None:
            held.enter_context(backups.in_use(self.settings.data))
        return held

    @cached_property
    def _engine(self) -> Engine:
        path = sqlite_path(self.settings.database)
        if path is not None:
            _make_private(path.parent)
        return open_engine(self.settings.database, pool_size=self.settings.database_pool)

    @cached_property
    def _buckets(self) -> Buckets:
        url = self.settings.redis_url
        return SharedBuckets(url) if url else MemoryBuckets()

    @cached_property
    def _setup_code(self) -> str:
        # Derived, so that every process of this installation asks for the same one.
        derived = Secrets(self.ring).derive("setup-code", b"")
        return self.settings.setup_code or base64.b32encode(derived[:10]).decode().lower()

    @cached_property
    def _clients(self) -> Callable[[Spend], Http]:
        # Its libraries are loaded by the first request to a provider, not by every command.
        from dashtam.infrastructure.providers.http import Outbound  # noqa: PLC0415 - see above

        return Outbound(self.settings.outbound, self.settings.outbound_ca).client

    def _http_for(self, spend: Spend) -> Http:
        return self._clients(spend)

    @cached_property
    def _threads(self) -> Threads:
        return Threads(structlog.get_logger())

    @cached_property
    def _ready(self) -> SqlReadyReads | None:
        driver = driver_of(self._engine, connections=max(1, self.settings.database_pool // 2))
        return None if driver is None else SqlReadyReads(driver, self._mend)

    def _mend(self, account_id: UUID) -> None:
        def refresh() -> None:
            try:
                with self.database.write() as work:
                    work.history_pages.changed(AccountId(account_id))
            finally:
                self._mending.discard(account_id)

        # Whoever reads meanwhile finds the same damage.
        if account_id not in self._mending:
            self._mending.add(account_id)
            self._threads.start(refresh)

    def world(self) -> World:
        """Return what use cases ask for; the database is brought up to date first."""
        settings = self.settings
        return World(
            database=self.database,
            clock=now,
            passwords=Passwords(),
            signer=Signer(self.ring, settings.issuer, settings.audience),
            secrets=Secrets(self.ring),
            buckets=self._buckets,
            statement_files=StatementFiles(),
            providers=providers(),
            cipher=RingCipher(self.ring),
            http_for=self._http_for,
            background=self._threads,
            ready=self._ready,
            rules=Rules(
                registration=settings.registration,
                setup_code=self._setup_code,
                is_local=_is_loopback(settings.host) and settings.public_url is None,
                has_https=(settings.public_url or "").startswith("https:"),
                base_path=settings.base_path,
                origins=settings.own_origins,
                policies=settings.policies,
                sync_spacing=timedelta(minutes=settings.sync_spacing_minutes),
                sync_lease=timedelta(seconds=settings.sync_lease_s),
            ),
        )

    def app(
        self, metrics: Metrics | None = None, close: Callable[[], None] | None = None
    ) -> ASGIApp:
        """Return the ASGI application, which closes this installation when it ends."""
        settings, metrics = self.settings, metrics or Metrics()
        return make_app(
            self.world(),
            Surroundings(
                version=__version__,
                threads=settings.database_pool,
                public_url=settings.public_url,
                trusted_proxies=settings.proxies,
                cors_origins=settings.origins,
                errors_url=settings.errors_url,
                is_ready=lambda: health.is_current(self._engine),
                jwks=lambda: self.ring.ring().jwks(now()),
                observe=metrics.observe,
                metrics=metrics.text if settings.metrics else None,
                close=close or self.close,
                log=structlog.get_logger(),
            ),
        )

    def serve(self, started: Callable[[Mapping[str, str]], None]) -> None:
        """Serve until told to stop; ``started`` hears the address, and the first user's code."""
        settings = self.settings
        if settings.server == "granian":
            granian_server.require()
        logs.set_up(settings.log_level, debug=settings.debug)
        told = {"url": settings.public_url or f"http://{_in_url(settings.host)}:{settings.port}"}
        if settings.server == "granian":
            told["note"] = granian_server.NOTE
        world = self.world()
        with world.database.read() as work:
            if settings.registration == "first_user" and not work.users.any():
                told["setup_code"] = self._setup_code
        # The worker beside it goes on for a while after it has stopped.
        with closing(self), self._working():
            if settings.server == "uvicorn" and settings.processes == 1:
                app, at = self.app(close=_leave_open), (settings.host, settings.port)
                serve(app, host=at[0], port=at[1], started=lambda: started(told))
            else:
                self._serve_in_processes(lambda: started(told))

    def _serve_in_processes(self, started: Callable[[], None]) -> None:
        """Serve in processes of their own; this one only works off what is due."""
        settings = self.settings
        with counting_together() as counts:
            one = OneOfSeveral(settings, counts)
            if settings.server == "granian":
                granian_server.serve(
                    one,
                    host=settings.host,
                    port=settings.port,
                    processes=settings.processes,
                    started=started,
                )
            else:
                # It loads uvicorn, for which no other command should wait.
                from dashtam.presentation import processes  # noqa: PLC0415 - see above

                processes.serve(
                    one,
                    at=(settings.host, settings.port),
                    processes=settings.processes,
                    started=started,
                    log=structlog.get_logger(),
                )

    def work(self, started: Callable[[], None]) -> None:
        """Sync what is due until told to stop; ``started`` is called once it has begun."""
        logs.set_up(self.settings.log_level)
        worker = Worker(self.world(), structlog.get_logger())
        started()
        with closing(self):
            worker.run_until_signalled()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Have a worker beside the server, unless the settings say otherwise."""
        if not self.settings.worker:
            yield
            return
        worker = Worker(self.world(), structlog.get_logger())
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join()

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

    def options(self) -> Sequence[Option]:
        """Return every setting."""
        defaults = msgspec.structs.asdict(Settings())
        return [
            Option(
                variable=PREFIX + name.upper(),
                value=_shown(name, value),
                default=_shown("", defaults[name]),
                is_set=value != defaults[name],
                sentence=sentence,
            )
            for (name, value), sentence in zip(
                msgspec.structs.asdict(self.settings).items(), Settings.sentences(), strict=True
            )
        ]

    def warnings(self) -> Sequence[str]:
        """Return what the operator should know before others use this installation."""
        settings = self.settings
        said = []
        if settings.is_production and settings.registration == "open":
            said.append("Anyone who reaches this installation can register (registration=open).")
        if not _is_loopback(settings.host) and not (settings.public_url or "").startswith("https"):
            said.append("Others can reach this address, and public_url is not https: passwords"
                        " and tokens travel in the clear unless a proxy adds TLS.")  # fmt: skip
        if settings.processes > 1 and settings.redis_url is None:
            said.append(f"Each of the {settings.processes} processes limits rates by itself, so"
                        " that clients get as many times more: set DASHTAM_REDIS_URL.")  # fmt: skip
        return said

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema to today's; return the revision before (None: empty) and the one now."""
        _ = self._held
        engine = self._engine
        is_file = sqlite_path(self.settings.database) is not None
        if is_file and not health.is_current(engine) and health.holds_anything(engine):
            self.backup(self.settings.data / "backups")
        return migrate.upgrade_engine(engine), migrate.HEAD

    def backup(self, folder: Path) -> Path:
        """Write the database and the key ring into a new folder inside this one; return it."""
        _ = self._held
        ring = self.settings.key_ring_path
        return backups.write(self._engine, ring if ring.exists() else None, folder, now())

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of what is there, which is kept aside."""
        self.close()
        backups.restore(
            backup,
            database=sqlite_path(self.settings.database),
            ring=self.settings.key_ring_path,
            data=self.settings.data,
            now=now(),
        )

    def create_keys(self) -> Path:
        """Make the key ring if there is none; return where it lies."""
        path = self.settings.key_ring_path
        _make_private(self.settings.data)
        key_ring.create(path, now())
        return path

    def rotate_keys(self) -> str:
        """Make new keys, sign nobody out, seal credentials anew; return the signing key's id.

        It can be killed at any moment and run again.
        """
        if self.settings.key_ring is not None:
            raise Refusal(_ring_given(self.settings.key_ring_path))
        path = self.settings.key_ring_path
        try:
            ring = key_ring.rotate(path, now())
        except (KeyRingUnreadable, OSError) as error:
            raise _unreadable(path, error) from None
        key_ring.forget_sealing_keys(path, now(), but=reseal(self.database, ring))
        return ring.current.kid

    def keys(self) -> Sequence[Key]:
        """Return the signing keys by which tokens are still verified, the one that signs first."""
        verify = [key for key in self.ring.ring().signing if key.verifies_at(now())]
        return [Key(key.kid, key.made_at, key.retired_at) for key in reversed(verify)]

    def checks(self) -> Sequence[Check]:
        """Look at everything that can go wrong, and tell what was found."""
        settings = self.settings
        found = [
            checks.folder(settings.data),
            checks.key_ring(settings.key_ring_path, given=settings.key_ring is not None),
            checks.schema(self._engine),
            checks.clock(self._engine, now()),
            checks.worker(self._engine, now()),
            checks.shared_limits(settings.redis_url),
        ]
        return [
            *(Check(check.name, check.is_well, check.found, check.advice) for check in found),
            *(Check("settings", is_well=False, found=warning) for warning in self.warnings()),
        ]


def _ring_given(path: Path) -> str:
    return (
        f"The key ring is given by {PREFIX}KEY_RING, which Dashtam cannot change: nothing was"
        " rotated, and no credentials were sealed anew. Stop every process of Dashtam, write the"
        f" ring to {path}, run this again without that setting, and give it the text that the file"
        " holds then."
    )


@dataclass(frozen=True, slots=True)
class OneOfSeveral:
    """Makes the application in one of several processes that serve, called once in each.

    The schema is today's by then: the process that starts these has seen to it.
    """

    settings: Settings
    counts: Path

    def __call__(self) -> ASGIApp:
        """Return the application."""
        from dashtam.presentation.processes import end_with_parent  # noqa: PLC0415 - as above

        logs.set_up(self.settings.log_level, debug=self.settings.debug)
        end_with_parent()
        installation = Installation(self.settings, is_upgraded=True)
        return installation.app(Metrics(self.counts), installation.close)


def _unreadable(path: Path, error: Exception) -> Refusal:
    reason = "it is not readable" if isinstance(error, OSError) else str(error)
    return Refusal(f"The key ring at {path} cannot be used: {reason}.".replace("..", "."))


def _leave_open() -> None:
    """Do nothing: whoever started the application closes what it stands on."""


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(name: str, value: object) -> str:
    if name in _SECRET_OPTIONS and value is not None:
        return "(hidden)"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
