"""The worker: it syncs what is due, in as many processes as there are, each slot once."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from structlog.typing import FilteringBoundLogger

from dashtam.application.ports import Services
from dashtam.application.syncs import claims, sync_run
from dashtam.application.syncs.claims import SyncClaim
from dashtam.application.syncs.schedule import CATCH_UP_AFTER
from dashtam.domain.errors import DashtamError

FINISH_WITHIN_S: Final = 20.0
_POLL_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard a worker works: syncs at a time, and how long it looks away in between."""

    at_once: int = 4
    poll_s: float = _POLL_S
    finish_within_s: float = FINISH_WITHIN_S


@dataclass(slots=True)
class Worker:
    """Claims what is due and syncs it, until it is told to stop.

    A sync that is under way then is finished, or given back when it takes too long.
    """

    services: Services
    log: FilteringBoundLogger
    effort: Effort = field(default_factory=Effort)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _running: dict[threading.Thread, SyncClaim] = field(default_factory=dict)
    _freed: threading.Condition = field(default_factory=threading.Condition)
    _looked_at: datetime | None = None

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns once what is under way has ended."""
        self._is_over.set()
        with self._freed:
            self._freed.notify_all()

    def run(self) -> None:
        """Work until ``stop`` is called."""
        self.log.info("worker_started", at_once=self.effort.at_once)
        while not self._is_over.is_set():
            try:
                found = self._look()
            except DashtamError as refusal:
                # The database is away; it may be back the next time.
                self.log.warning("worker_waits", reason=str(refusal))
                found = False
            except Exception as error:  # noqa: BLE001 - the edge of the thread, beside a server
                self.log.error("worker_failed", error=type(error).__name__)  # noqa: TRY400 - texts may quote rows
                found = False
            if not found:
                self._is_over.wait(self.effort.poll_s)
        self._finish()
        self.log.info("worker_stopped")

    def run_until_signalled(self) -> None:
        """Work until SIGINT or SIGTERM; called by the main thread, before there are others.

        The signals are waited for rather than handled: a handler runs in the midst of anything,
        and could never take the locks that ``stop`` takes.
        """
        numbers = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        thread = threading.Thread(target=self._run_and_wake, name="worker")
        thread.start()
        signal.sigwait(numbers)
        self.stop()
        thread.join()

    def _run_and_wake(self) -> None:
        try:
            self.run()
        finally:
            # Whatever ended the work, the main thread must not wait for a signal any longer.
            os.kill(os.getpid(), signal.SIGTERM)

    def _look(self) -> bool:
        """Start one sync that is due; tell whether there may be more."""
        self._catch_up()
        if not self._wait_for_room():
            return False
        claim = claims.claim_due(self.services)
        if claim is None:
            return False
        thread = threading.Thread(target=self._sync, args=(claim,), name=f"sync {claim.sync.id}",
                                  daemon=True)  # fmt: skip
        with self._freed:
            self._running[thread] = claim
        thread.start()
        return True

    def _catch_up(self) -> None:
        now, before = self.services.clock(), self._looked_at
        self._looked_at = now
        with self.services.database.read() as work:
            is_any_expired = bool(work.syncs.expired(work.now, 1))
        if is_any_expired:
            with self.services.database.write() as work:
                interrupted = claims.end_expired(work, self.services)
            self.log.info("syncs_interrupted", count=interrupted)
        # This machine was off, or asleep: whatever fell due meanwhile must not start at once.
        if before is None or now - before > CATCH_UP_AFTER:
            spread = claims.spread_overdue(self.services)
            if spread:
                self.log.info("syncs_spread", count=spread)

    def _wait_for_room(self) -> bool:
        with self._freed:
            self._freed.wait_for(
                lambda: len(self._running) < self.effort.at_once or self._is_over.is_set(),
                self.effort.poll_s,
            )
            return len(self._running) < self.effort.at_once and not self._is_over.is_set()

    def _sync(self, claim: SyncClaim) -> None:
        began = time.monotonic()
        try:
            sync = sync_run.complete(self.services, claim)
            self.log.info(
                "sync_finished",
                sync_id=str(sync.id),
                state=str(sync.state),
                code=sync.code,
                accounts=len(sync.accounts),
                took_s=round(time.monotonic() - began, 3),
            )
        except Exception as error:  # noqa: BLE001 - the edge of the thread; texts may quote rows
            self.log.error("sync_lost", sync_id=str(claim.sync.id), error=type(error).__name__)  # noqa: TRY400 - see above
        finally:
            with self._freed:
                self._running.pop(threading.current_thread(), None)
                self._freed.notify_all()

    def _finish(self) -> None:
        with self._freed:
            self._freed.wait_for(lambda: not self._running, self.effort.finish_within_s)
            left = list(self._running.values())
        for claim in left:
            try:
                with self.services.database.write() as work:
                    claims.release(work, claim)
            except DashtamError as refusal:
                # Its lease runs out by itself.
                self.log.warning("sync_not_released", reason=str(refusal))
            else:
                self.log.info("sync_released", sync_id=str(claim.sync.id))


class Threads:
    """Where this process goes on with what it has answered already."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def start(self, task: Callable[[], object]) -> None:
        """Do the task in a thread of its own."""
        thread = threading.Thread(target=self._do, args=(task,), daemon=True)
        with self._lock:
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            # One that has not begun counts for one that has ended.
            thread.start()

    def wait(self, at_most_s: float = FINISH_WITHIN_S) -> None:
        """Wait for what is under way; what takes longer is interrupted with the process."""
        deadline = time.monotonic() + at_most_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _do(self, task: Callable[[], object]) -> None:
        try:
            task()
        except Exception as error:  # noqa: BLE001 - the edge of the thread
            self._log.error("task_failed", error=type(error).__name__)
