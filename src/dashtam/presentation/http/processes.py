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

from dashtam.presentation.http.server import (
    allow_many_connections,
    build_config,
    listen,
    signals_stop_the_server_only,
)

_POLL_EVERY_S = 0.1


def serve(
    make_app: Callable[[], ASGIApp],
    *,
    at: tuple[str, int],
    processes: int,
    started: Callable[[], None],
    log: FilteringBoundLogger,
) -> None:
    """Answer requests in several processes until SIGTERM or SIGINT, then let each finish.

    Each process calls ``make_app``, which can be pickled. ``started`` is called once one of them
    answers. One that ends is replaced; SIGHUP replaces them all, one after the other.

    Raises:
        OSError: the address is not available; nothing was started yet.
    """
    # The processes that answer inherit it.
    allow_many_connections()
    with ExitStack() as stack:
        sockets = [stack.enter_context(listening) for listening in listen(*at)]
        stack.enter_context(signals_stop_the_server_only())
        supervisor = _Supervisor(build_config(make_app, processes=processes), sockets)
        supervisor.started, supervisor.log = started, log
        supervisor.run()


def end_with_parent() -> None:
    """Stop this process, as by SIGTERM, when its parent process is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is called in processes that another one started"

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


class _Supervisor(Multiprocess):
    """uvicorn's supervisor, which reports the first answer and each replaced process."""

    config: Config
    started: Callable[[], None]
    log: FilteringBoundLogger

    def init_processes(self) -> None:
        super().init_processes()
        # The supervisor's own loop, which comes next, replaces a process that has ended.
        while all(one.process.is_alive() for one in self.processes) and not self.signal_queue:
            if any(one.is_ready(_POLL_EVERY_S) for one in self.processes):
                self.started()
                return

    def keep_subprocess_alive(self) -> None:
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                self.log.warning("process_replaced", ended=old.pid, status=old.exitcode)
