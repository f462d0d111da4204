"""The server: uvicorn, on sockets bound beforehand, with connections that lose slow clients."""

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from dashtam.presentation.http.http_protocol import Timeouts

STOP_WITHIN_S: Final = 10
_BACKLOG: Final = 2048

# A process that answers its parent no more is killed; one that merely starts on a busy machine,
# or is paused, must not be.
_SILENT_FOR_S: Final = 30


def serve(
    app: "ASGIApp",
    *,
    host: str,
    port: int,
    started: Callable[[], None] | None = None,
    log_level: str = "warning",
    timeouts: "Timeouts | None" = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those that run within 10 s.

    ``started`` is called once requests are answered. The second SIGINT does not wait.

    Raises:
        OSError: the address cannot be had; nothing was started yet.
        SystemExit: the application failed to start, which was logged.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(found) for found in listen(host, port)]
        stack.enter_context(signals_stop_the_server_only())
        server = make(app, started=started, log_level=log_level, timeouts=timeouts)
        server.run(sockets=sockets)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that the host name stands for.

    Raises:
        OSError: the name is unknown, or one of the addresses cannot be had.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing = OSError(errno.EADDRNOTAVAIL, f"{host} stands for no address of this machine.")
    with ExitStack() as stack:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                opened = socket.create_server(address, family=family, backlog=_BACKLOG)
            except OSError as trouble:
                # localhost stands for ::1 as well, also where IPv6 is switched off.
                if trouble.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing = trouble
            else:
                sockets.append(stack.enter_context(opened))
        stack.pop_all()
    if not sockets:
        raise missing
    return sockets


def make(
    app: "ASGIApp",
    *,
    started: Callable[[], None] | None = None,
    log_level: str = "warning",
    timeouts: "Timeouts | None" = None,
) -> "uvicorn.Server":
    """Return a server that runs on the sockets it is given."""
    # The command line knows this module long before it serves, if it ever does.
    import uvicorn  # noqa: PLC0415 - see above

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if started is not None:
                started()

    return Server(configure(app, log_level=log_level, timeouts=timeouts))


def configure(
    app: "ASGIApp | Callable[[], ASGIApp]",
    *,
    log_level: str = "warning",
    timeouts: "Timeouts | None" = None,
    processes: int = 1,
) -> "uvicorn.Config":
    """Return how uvicorn serves; with several processes ``app`` is called in each to make it."""
    import uvicorn  # noqa: PLC0415 - as above

    from dashtam.presentation.http.http_protocol import HttpConnectionProtocol  # noqa: PLC0415 - as above

    http: type[HttpConnectionProtocol] = HttpConnectionProtocol
    if timeouts is not None:
        # Another process could not import a class that is made here.
        class PatientConnection(HttpConnectionProtocol):
            pass

        PatientConnection.timeouts = timeouts
        http = PatientConnection
    return uvicorn.Config(
        app,
        factory=processes > 1,
        workers=processes,
        http=http,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        timeout_worker_healthcheck=_SILENT_FOR_S,
    )


@contextmanager
def signals_stop_the_server_only() -> Iterator[None]:
    """Let the caller go on after the server has stopped.

    uvicorn raises the signal once more when it is done, which would end the process before its
    database is closed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, action in previous.items():
            signal.signal(number, action)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing; a function, because uvicorn's own handler takes its place meanwhile."""
    del number, frame
