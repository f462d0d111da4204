"""Settings become the running application: what can be done with its parts."""

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from starlette.types import ASGIApp

from dashtam import __version__
from dashtam.bootstrap import doctor, logs
from dashtam.bootstrap.container import Parts, is_loopback, unreadable
from dashtam.bootstrap.key_rotation import reseal
from dashtam.bootstrap.metrics import Metrics, counting_together
from dashtam.bootstrap.worker import Worker
from dashtam.database import backups, health
from dashtam.database.engine import sqlite_path
from dashtam.domain.errors import DashtamError
from dashtam.presentation.app import AppOptions, make_app
from dashtam.presentation.cli.installation import Check, Key, Option
from dashtam.presentation.http.server import serve
from dashtam.security import key_ring
from dashtam.security.key_ring import KeyRingUnreadable
from dashtam.settings import PREFIX, Settings

_SECRET_OPTIONS = frozenset({"key_ring", "setup_code", "database_url", "redis_url"})


class Installation(Parts):
    """One Dashtam as its settings say."""

    def app(
        self, metrics: Metrics | None = None, close: Callable[[], None] | None = None
    ) -> ASGIApp:
        """Return the ASGI application, which closes this installation when it ends."""
        settings, metrics = self.settings, metrics or Metrics()
        return make_app(
            self.services(),
            AppOptions(
                version=__version__,
                threads=settings.database_pool,
                public_url=settings.public_url,
                trusted_proxies=settings.proxies,
                cors_origins=settings.origins,
                errors_url=settings.errors_url,
                is_ready=lambda: health.is_current(self._engine),
                jwks=lambda: self.ring.ring().jwks(self.clock()),
                observe=metrics.observe,
                metrics=metrics.text if settings.metrics else None,
                close=close or self.close,
                log=structlog.get_logger(),
            ),
        )

    def serve(self, started: Callable[[Mapping[str, str]], None]) -> None:
        """Serve until told to stop; ``started`` hears the address, and the first user's code."""
        settings = self.settings
        logs.set_up(settings.log_level, debug=settings.debug)
        told = {"url": settings.public_url or f"http://{_in_url(settings.host)}:{settings.port}"}
        services = self.services()
        with services.database.read() as work:
            if settings.registration == "first_user" and not work.users.any():
                told["setup_code"] = self._setup_code
        # The worker beside it goes on for a while after it has stopped.
        with closing(self), self._working():
            if settings.processes == 1:
                app, at = self.app(close=_leave_open), (settings.host, settings.port)
                # What is loaded by now stays: it need not be searched for garbage again and again.
                gc.freeze()
                serve(app, host=at[0], port=at[1], started=lambda: started(told))
            else:
                self._serve_in_processes(lambda: started(told))

    def _serve_in_processes(self, started: Callable[[], None]) -> None:
        """Serve in processes of their own; this one only works off what is due."""
        settings = self.settings
        with counting_together() as counts:
            # It loads uvicorn, for which no other command should wait.
            from dashtam.presentation.http import processes  # noqa: PLC0415 - see above

            processes.serve(
                OneOfSeveral(settings, counts),
                at=(settings.host, settings.port),
                processes=settings.processes,
                started=started,
                log=structlog.get_logger(),
            )

    def work(self, started: Callable[[], None]) -> None:
        """Sync what is due until told to stop; ``started`` is called once it has begun."""
        logs.set_up(self.settings.log_level)
        worker = Worker(self.services(), structlog.get_logger())
        started()
        with closing(self):
            worker.run_until_signalled()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Have a worker beside the server, unless the settings say otherwise."""
        if not self.settings.worker:
            yield
            return
        worker = Worker(self.services(), structlog.get_logger())
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join()

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
        if not is_loopback(settings.host) and not (settings.public_url or "").startswith("https"):
            said.append("Others can reach this address, and public_url is not https: passwords"
                        " and tokens travel in the clear unless a proxy adds TLS.")  # fmt: skip
        if settings.processes > 1 and settings.redis_url is None:
            said.append(f"Each of the {settings.processes} processes limits rates by itself, so"
                        " that clients get as many times more: set DASHTAM_REDIS_URL.")  # fmt: skip
        return said

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of what is there, which is kept aside."""
        self.close()
        backups.restore(
            backup,
            database=sqlite_path(self.settings.database),
            ring=self.settings.key_ring_path,
            data=self.settings.data,
            now=self.clock(),
        )

    def rotate_keys(self) -> str:
        """Make new keys, sign nobody out, seal credentials anew; return the signing key's id.

        It can be killed at any moment and run again.
        """
        if self.settings.key_ring is not None:
            raise DashtamError(_ring_given(self.settings.key_ring_path))
        path = self.settings.key_ring_path
        try:
            ring = key_ring.rotate(path, self.clock())
        except (KeyRingUnreadable, OSError) as error:
            raise unreadable(path, error) from None
        key_ring.forget_sealing_keys(path, self.clock(), but=reseal(self.database, ring))
        return ring.current.kid

    def keys(self) -> Sequence[Key]:
        """Return the signing keys by which tokens are still verified, the one that signs first."""
        verify = [key for key in self.ring.ring().signing if key.verifies_at(self.clock())]
        return [Key(key.kid, key.made_at, key.retired_at) for key in reversed(verify)]

    def checks(self) -> Sequence[Check]:
        """Look at everything that can go wrong, and tell what was found."""
        settings = self.settings
        found = [
            doctor.folder(settings.data),
            doctor.key_ring(settings.key_ring_path, given=settings.key_ring is not None),
            doctor.schema(self._engine),
            doctor.clock(self._engine, self.clock()),
            doctor.worker(self._engine, self.clock()),
            doctor.shared_limits(settings.redis_url),
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
        from dashtam.presentation.http.processes import end_with_parent  # noqa: PLC0415 - as above

        logs.set_up(self.settings.log_level, debug=self.settings.debug)
        end_with_parent()
        installation = Installation(self.settings, is_upgraded=True)
        return installation.app(Metrics(self.counts), installation.close)


def _leave_open() -> None:
    """Do nothing: whoever started the application closes what it stands on."""


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(name: str, value: object) -> str:
    if name in _SECRET_OPTIONS and value is not None:
        return "(hidden)"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
