"""The inbox of an installation, which a worker watches beside its syncs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashtam.application.imports.file_import import SentFile
from dashtam.application.imports.inbox import POLL_S, Inbox, find_owner
from dashtam.application.ports import Services
from dashtam.domain.errors import DashtamError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_SHUTDOWN_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class InboxTask:
    """Imports the files of a folder for the user with ``email``, by default for the only user."""

    services: Services
    log: "FilteringBoundLogger"
    folder: Path
    email: str | None = None
    poll_s: float = POLL_S

    @contextmanager
    def running(self, stopping: threading.Event) -> Iterator[None]:
        """Watch the folder in a thread of its own until the event is set."""
        thread = threading.Thread(target=self.run, args=(stopping,), name="inbox", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # An import that takes longer ends with the process, and is begun again by the next.
            thread.join(_SHUTDOWN_TIMEOUT_S)

    def run(self, stopping: threading.Event) -> None:
        """Watch the folder until the event is set; a running import is finished."""
        inbox, reason = Inbox(self.folder), ""
        while not stopping.is_set():
            try:
                with inbox.locked():
                    while not stopping.is_set():
                        self._look(inbox, stopping)
                        reason = ""
                        stopping.wait(self.poll_s)
            except DashtamError as error:
                # The folder or the database may be back at the next look.
                if str(error) != reason:
                    self.log.warning("inbox_waits", reason=str(error))
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - the edge of the thread, beside a server
                self.log.error("inbox_failed", error=type(error).__name__)  # noqa: TRY400 - texts may quote rows
            stopping.wait(self.poll_s)

    def _look(self, inbox: Inbox, stopping: threading.Event) -> None:
        with self.services.database.read() as work:
            sent_file = partial(SentFile, user_id=find_owner(work, self.email).id)
        for moved in inbox.look(self.services, sent_file, stopping.is_set):
            result = moved.result
            if result is None:
                self.log.warning("inbox_file_refused")
                continue
            self.log.info(
                "inbox_file_imported",
                sync_id=str(result.sync_id),
                recorded=result.recorded,
                skipped=result.skipped,
                refused=result.refused,
            )
