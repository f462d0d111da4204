"""The commands of an installation: serve, work, back up, rotate keys, check."""

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.types import ASGIApp
from typing_extensions import override

from dashtam import __version__
from dashtam.bootstrap import doctor
from dashtam.bootstrap.container import Container, key_ring_error
from dashtam.bootstrap.heartbeat import SILENT_S, longest_silence_s
from dashtam.bootstrap.key_rotation import reseal_credentials
from dashtam.bootstrap.private_files import exposure_text
from dashtam.database import health, restoration
from dashtam.database.engine import sqlite_path
from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.installation import Check, InstallationPort, Key, Option
from dashtam.presentation.http.server import serve
from dashtam.security import key_ring
from dashtam.security.key_ring import KeyRingUnreadable
from dashtam.settings import PREFIX, Settings

if TYPE_CHECKING:
    from dashtam.application.ports import Services
    from dashtam.bootstrap.logs import LineWriter
    from dashtam.bootstrap.metrics import Metrics
    from dashtam.bootstrap.worker import Worker

# Modules that only a server or a worker needs are loaded by it: commands start in less time.
_SECRET_OPTIONS = frozenset({"key_ring", "setup_code", "database_url", "redis_url"})


class Installation(Container, InstallationPort):
    """One Dashtam, as its settings describe it."""

    _log_writer: "LineWriter | None" = None

    def app(
        self, metrics: "Metrics | None" = None, close: Callable[[], None] | None = None
    ) -> ASGIApp:
        """Return the ASGI application; at its end it calls ``close``, by default this one's."""
        from dashtam.bootstrap import logs  # noqa: PLC0415 - see above
        from dashtam.bootstrap.metrics import Metrics  # noqa: PLC0415 - see above
        from dashtam.presentation.app import AppOptions, make_app  # noqa: PLC0415 - see above

        settings, metrics = self.settings, metrics or Metrics()
        if self._log_writer is not None:
            self._log_writer.on_drop = metrics.count_dropped_log_line
        return make_app(
            self.services(),
            AppOptions(
                version=__version__,
                threads=settings.database_pool,
                public_url=settings.public_url,
                trusted_proxies=settings.trusted_networks,
                cors_origins=settings.origins,
                errors_url=settings.errors_url,
                readiness_fault=self._readiness_fault,
                jwks=lambda: self.ring.current().jwks(self.clock()),
                observe=metrics.observe if settings.metrics else None,
                metrics=metrics.render if settings.metrics else None,
                close=close or self.close,
                log=logs.get_logger(),
            ),
        )

    def _readiness_fault(self) -> str | None:
        """Return why this server is not ready, None if it is."""
        if not health.is_current(self.engine):
            return "The database cannot be reached, or its schema is not today's."
        path = sqlite_path(self.settings.database)
        if self.database.has_full_disk or (path is not None and health.is_disk_full(path.parent)):
            return "The disk is full: nothing can be recorded. Everything can be read."
        if self.settings.worker and (silence_s := longest_silence_s(self.settings.data)) > SILENT_S:
            return f"The worker has not looked for due connections for {silence_s:.0f} seconds."
        return None

    def _worker(self, services: "Services") -> "Worker":
        from dashtam.bootstrap import logs  # noqa: PLC0415 - see above
        from dashtam.bootstrap.inbox_task import InboxTask  # noqa: PLC0415 - see above
        from dashtam.bootstrap.worker import Worker  # noqa: PLC0415 - see above

        settings, log, inbox = self.settings, logs.get_logger(), None
        if settings.inbox is not None:
            inbox = InboxTask(services, log, settings.inbox, settings.inbox_user)
        return Worker(services, log, data=settings.data, inbox=inbox)

    def start_log(self) -> None:
        """Log the events of this process, and those of libraries, as the settings say."""
        from dashtam.bootstrap import logs  # noqa: PLC0415 - see above

        self._log_writer = logs.configure(self.settings.log_level, debug=self.settings.debug)
        logs.capture_libraries()

    @override
    def serve(self, started: Callable[[Mapping[str, str]], None]) -> None:
        self.start_log()
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = {"url": settings.public_url or f"http://{host}:{settings.port}"}
        services = self.services()
        with services.database.read() as work:
            if settings.registration == "first_user" and not work.users.any():
                address["setup_code"] = self.setup_code
        worker = self._worker(services)
        # The worker uses the database until the server has stopped, so this closes it.
        with closing(self), worker.running() if settings.worker else nullcontext():
            if settings.processes == 1:
                app = self.app(close=lambda: None)
                # The loaded modules stay: the garbage collector need not search them each time.
                gc.freeze()
                serve(app, host=settings.host, port=settings.port, started=lambda: started(address))
            else:
                self._serve_in_processes(lambda: started(address))

    def _serve_in_processes(self, started: Callable[[], None]) -> None:
        """Serve in other processes; this one runs only the worker."""
        settings = self.settings
        from dashtam.bootstrap import logs  # noqa: PLC0415 - see above
        from dashtam.bootstrap.metrics import shared_metrics  # noqa: PLC0415 - see above
        from dashtam.presentation.http import processes  # noqa: PLC0415 - see above

        with shared_metrics() as folder:
            processes.serve(
                AppFactory(settings, folder),
                at=(settings.host, settings.port),
                processes=settings.processes,
                started=started,
                log=logs.get_logger(),
            )

    @override
    def work(self, started: Callable[[], None]) -> None:
        self.start_log()
        # Loaded now, since syncs are all that this process does.
        services = replace(self.services(), http_for=self.http_client_for)
        worker = self._worker(services)
        started()
        with closing(self):
            worker.run_until_signalled()

    @override
    def options(self) -> Sequence[Option]:
        values, defaults = map(msgspec.structs.asdict, (self.settings, Settings()))
        return [
            Option(
                variable=PREFIX + name.upper(),
                value="(hidden)" if name in _SECRET_OPTIONS and value is not None else _text(value),
                default=_text(defaults[name]),
                is_set=value != defaults[name],
                sentence=sentence,
            )
            for (name, value), sentence in zip(values.items(), Settings.descriptions(), strict=True)
        ]

    @override
    def warnings(self) -> Sequence[str]:
        exposed = self.exposed_paths()
        return [*self._setting_warnings(), *([exposure_text(exposed)] if exposed else [])]

    def _setting_warnings(self) -> Sequence[str]:
        settings = self.settings
        found = []
        if settings.is_production and settings.registration == "open":
            found.append("Anyone who reaches this installation can register (registration=open).")
        if not self.is_local and not (settings.public_url or "").startswith("https"):
            sentence = (
                "Others can reach this address, and public_url is not https: passwords and tokens"
                " travel in the clear unless a proxy adds TLS."
            )
            found.append(sentence)
        if settings.processes > 1 and settings.redis_url is None:
            sentence = (
                f"Each of the {settings.processes} processes limits rates by itself, so that"
                " clients get as many times more: set DASHTAM_REDIS_URL."
            )
            found.append(sentence)
        return found

    @override
    def restore(self, backup: Path) -> None:
        self.close()
        restoration.restore(
            backup,
            database=sqlite_path(self.settings.database),
            ring=self.settings.key_ring_path,
            now=self.clock(),
        )

    @override
    def rotate_keys(self) -> str:
        path = self.settings.key_ring_path
        if self.settings.key_ring is not None:
            detail = (
                f"The key ring is given by {PREFIX}KEY_RING, which Dashtam cannot change: nothing"
                " was rotated, and no credentials were sealed anew. Stop every process of Dashtam,"
                f" write the ring to {path}, run this again without that setting, and give it the"
                " text that the file holds then."
            )
            raise DashtamError(detail)
        try:
            ring = key_ring.rotate(path, self.clock())
        except (KeyRingUnreadable, OSError) as error:
            raise key_ring_error(path, error) from None
        needed = reseal_credentials(self.database, ring)
        key_ring.remove_sealing_keys(path, self.clock(), keep=needed)
        return ring.signing_key.kid

    @override
    def keys(self) -> Sequence[Key]:
        valid = [key for key in self.ring.current().signing_keys if key.is_valid_at(self.clock())]
        return [Key(key.kid, key.made_at, key.retired_at) for key in reversed(valid)]

    @override
    def checks(self) -> Sequence[Check]:
        settings, path = self.settings, sqlite_path(self.settings.database)
        # Where the folder cannot be written, the checks say so.
        with suppress(OSError):
            self._hold_database()
        return [
            doctor.check_data_folder(settings.data),
            doctor.check_access(self.exposed_paths()),
            doctor.check_key_ring(settings.key_ring_path, is_setting=settings.key_ring is not None),
            doctor.check_database(self.engine),
            *([] if path is None else [doctor.check_disk(path.parent)]),
            doctor.check_clock(self.engine, self.clock()),
            doctor.check_worker(self.engine, self.clock(), settings.data),
            doctor.check_rate_limits(settings.redis_url),
            *(
                Check("settings", is_well=False, found=warning)
                for warning in self._setting_warnings()
            ),
        ]


@dataclass(frozen=True, slots=True)
class AppFactory:
    """Creates the application in each of several serving processes.

    The schema is current, because the parent process has upgraded it.
    """

    settings: Settings
    metrics_folder: Path

    def __call__(self) -> ASGIApp:
        """Return the application of this process, which ends with its parent."""
        from dashtam.bootstrap.metrics import Metrics  # noqa: PLC0415 - as above
        from dashtam.presentation.http.processes import end_with_parent  # noqa: PLC0415 - as above

        installation = Installation(self.settings, is_upgraded=True)
        installation.start_log()
        end_with_parent()
        return installation.app(Metrics(self.metrics_folder), installation.close)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
