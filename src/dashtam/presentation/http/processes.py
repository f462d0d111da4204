"""Several processes that serve on the same sockets, kept alive by uvicorn's supervisor."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack

from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger
from uvicorn.config import Config
from uvicorn.supervisors import Multiprocess

from dashtam.presentation.http.server import configure, listen, signals_stop_the_server_only

_LOOK_EVERY_S = 0.1


def serve(
    make_app: Callable[[], ASGIApp],
    *,
    at: tuple[str, int],
    processes: int,
    started: Callable[[], None],
    log: FilteringBoundLogger,
) -> None:
    """Answer requests in several processes until SIGTERM or SIGINT, then let each finish.

    ``make_app`` can be pickled, and is called in each process. ``started`` is called once one of
    them answers. One that ends is replaced; SIGHUP replaces them all, one after the other.

    Raises:
        OSError: the address cannot be had; nothing was started yet.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(found) for found in listen(*at)]
        stack.enter_context(signals_stop_the_server_only())
        supervisor = _Supervisor(configure(make_app, processes=processes), sockets)
        supervisor.tell(started, log)
        supervisor.run()


def end_with_parent() -> None:
    """Have this process stop as by SIGTERM when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is called in processes that another one started"

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


class _Supervisor(Multiprocess):
    """uvicorn's supervisor, which says when requests are answered and when a process ended."""

    config: Config

    def tell(self, started: Callable[[], None], log: FilteringBoundLogger) -> None:
        self._started = started
        self._log = log

    def init_processes(self) -> None:
        super().init_processes()
        # Whoever ended already is seen to by the loop that comes next.
        while all(one.process.is_alive() for one in self.processes) and not self.signal_queue:
            if any(one.is_ready(_LOOK_EVERY_S) for one in self.processes):
                self._started()
                return

    def keep_subprocess_alive(self) -> None:
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                self._log.warning("process_replaced", ended=old.pid, status=old.exitcode)
