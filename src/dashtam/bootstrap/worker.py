"""The worker: it syncs due connections, in any number of processes, each due time once."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dashtam.application.ports import Services
from dashtam.application.provider_permits import Permit
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncClaim
from dashtam.application.syncs.schedule import CATCH_UP_AFTER
from dashtam.bootstrap.background_tasks import SHUTDOWN_TIMEOUT_S
from dashtam.bootstrap.heartbeat import POLL_S, Heartbeat
from dashtam.bootstrap.inbox_task import InboxTask
from dashtam.domain.errors import DashtamError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Limits of a worker; it waits ``poll_s`` when no connection is due."""

    poll_s: float = POLL_S
    shutdown_timeout_s: float = SHUTDOWN_TIMEOUT_S


@dataclass(slots=True)
class Worker:
    """Claims due connections and syncs each in a thread.

    Its heartbeat is in ``data``, if that is not None. ``last_poll_at`` is None after a start: the
    worker then spreads the connections that fell due while it was down. An ``inbox`` is watched in
    a thread of its own.
    """

    services: Services
    log: "FilteringBoundLogger"
    options: WorkerOptions = field(default_factory=WorkerOptions)
    data: Path | None = None
    last_poll_at: datetime | None = None
    inbox: InboxTask | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: dict[threading.Thread, SyncClaim] = field(default_factory=dict)
    _sync_ended: threading.Condition = field(default_factory=threading.Condition)
    _ended: int = 0

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when the running syncs have ended."""
        self._stopping.set()
        with self._sync_ended:
            self._sync_ended.notify_all()

    def run(self) -> None:
        """Sync until ``stop`` is called, then finish the running syncs.

        Syncs that do not end within ``shutdown_timeout_s`` are released.
        """
        self.log.info("worker_started")
        inbox = self.inbox
        with nullcontext() if inbox is None else inbox.running(self._stopping):
            self._run_syncs()
        self.log.info("worker_stopped")

    def _run_syncs(self) -> None:
        heartbeat = None if self.data is None else Heartbeat(self.data)
        while not self._stopping.is_set():
            has_started_one, ended = False, self._ended
            if heartbeat is not None:
                heartbeat.beat()
            try:
                self._recover()
                has_started_one = self._start_due_sync()
            except DashtamError as error:
                # The database is unreachable, and may be back at the next poll.
                self.log.warning("worker_waits", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the edge of the thread, beside a server
                self.log.error("worker_failed", error=type(error).__name__)  # noqa: TRY400 - texts may quote rows
            if not has_started_one:
                self._wait_for_end(ended)
        if heartbeat is not None:
            heartbeat.end()
        with self._sync_ended:
            self._sync_ended.wait_for(lambda: not self._running, self.options.shutdown_timeout_s)
            unfinished = list(self._running.values())
        for claim in unfinished:
            try:
                with self.services.database.write() as work:
                    claims.release(work, claim)
            except DashtamError as error:
                # The lease of the sync expires by itself.
                self.log.warning("sync_not_released", reason=str(error))
            else:
                self.log.info("sync_released", sync_id=str(claim.sync.id))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run in a thread of its own until the end of the ``with`` block."""
        thread = threading.Thread(target=self.run, name="worker")
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def run_until_signalled(self) -> None:
        """Run until SIGINT or SIGTERM; for the main thread, before there are others.

        The signals are waited for rather than handled: a handler interrupts any code, and could
        wait forever for the locks that ``stop`` takes.
        """

        def run() -> None:
            try:
                self.run()
            finally:
                # The main thread waits for a signal, also when the worker has failed.
                os.kill(os.getpid(), signal.SIGTERM)

        signals = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        thread = threading.Thread(target=run, name="worker")
        thread.start()
        signal.sigwait(signals)
        self.stop()
        thread.join()

    def _recover(self) -> None:
        """End syncs with an expired lease, and spread overdue ones after downtime."""
        now, before = self.services.clock(), self.last_poll_at
        self.last_poll_at = now
        with self.services.database.read() as work:
            is_any_expired = bool(work.syncs.expired(work.now, 1))
        if is_any_expired:
            with self.services.database.write() as work:
                interrupted = claims.end_expired(work, self.services)
            self.log.info("syncs_interrupted", count=interrupted)
        # After downtime or sleep many connections are due, and must not all start at once.
        if before is None or now - before > CATCH_UP_AFTER:
            spread = claims.spread_overdue(self.services)
            if spread:
                self.log.info("syncs_spread", count=spread)

    def _wait_for_end(self, ended: int) -> None:
        """Wait until another sync has ended, so that its provider may be asked again, or a poll."""
        with self._sync_ended:
            self._sync_ended.wait_for(
                lambda: self._ended != ended or self._stopping.is_set(), self.options.poll_s
            )

    def _start_due_sync(self) -> bool:
        """Start one due sync; False when none is due, but those that must wait for others."""
        claim = claims.claim_due(self.services)
        if claim is None:
            return False
        # Requested here: the next claim knows of it.
        permit = self.services.provider_permits.request(claim.provider.slug, claim.sync.user_id)
        name = f"sync {claim.sync.id}"
        thread = threading.Thread(target=self._sync, args=(claim, permit), name=name, daemon=True)
        with self._sync_ended:
            self._running[thread] = claim
        try:
            thread.start()
        except RuntimeError:
            # The process has too many threads. The lease of the sync expires by itself.
            self._end(thread)
            self.services.provider_permits.release(permit)
            raise
        return True

    def _sync(self, claim: SyncClaim, permit: Permit) -> None:
        started_s = time.monotonic()
        try:
            sync = sync_run.complete(self.services, claim, permit=permit)
            self.log.info(
                "sync_finished",
                sync_id=str(sync.id),
                state=str(sync.state),
                code=sync.code,
                accounts=len(sync.accounts),
                took_s=round(time.monotonic() - started_s, 3),
            )
        except Exception as error:  # noqa: BLE001 - the edge of the thread
            self.log.error("sync_lost", sync_id=str(claim.sync.id), error=type(error).__name__)  # noqa: TRY400 - texts may quote rows
        finally:
            self._end(threading.current_thread())

    def _end(self, thread: threading.Thread) -> None:
        with self._sync_ended:
            self._running.pop(thread, None)
            self._ended += 1
            self._sync_ended.notify_all()
