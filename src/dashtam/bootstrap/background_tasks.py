"""Background tasks: work that continues after its response was sent."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

SHUTDOWN_TIMEOUT_S: Final = 20.0


class BackgroundTasks:
    """Tasks of this process, each in a thread of its own."""

    def __init__(self, log: "FilteringBoundLogger") -> None:
        self._log = log
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def start(self, task: Callable[[], object]) -> None:
        """Start the task; its errors are logged."""

        def run() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - the edge of the thread; texts may quote rows
                self._log.error("task_failed", error=type(error).__name__)

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            # Inside the lock: a thread that has not started yet does not count as alive.
            thread.start()

    def wait(self, timeout_s: float = SHUTDOWN_TIMEOUT_S) -> None:
        """Wait for the running tasks; those that take longer end with the process."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
