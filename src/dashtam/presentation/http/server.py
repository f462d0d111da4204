"""The server: uvicorn, on sockets bound beforehand, with connections that close slow clients."""

import errno
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

# Every command imports this module, but few need uvicorn, which is loaded where they do.
if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from dashtam.presentation.http.http_protocol import Timeouts

_STOP_WITHIN_S: Final = 10
_BACKLOG: Final = 2048

# More than the memory for clients allows connections (``ClientBuffers``).
_OPEN_FILES: Final = 8192

# A process that no longer answers its parent is killed; one that starts on a busy machine, or is
# paused, must not be.
_SILENT_FOR_S: Final = 30


def serve(
    app: "ASGIApp",
    *,
    host: str,
    port: int,
    started: Callable[[], None] | None = None,
    timeouts: "Timeouts | None" = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then give those that run 10 s to finish.

    ``started`` is called once requests are answered. The second SIGINT does not wait.

    Raises:
        OSError: the address is not available; nothing was started yet.
        SystemExit: the application failed to start, which was logged.
    """
    allow_many_connections()
    with ExitStack() as stack:
        sockets = [stack.enter_context(listening) for listening in listen(host, port)]
        stack.enter_context(signals_stop_the_server_only())
        server = build_server(app, started=started, timeouts=timeouts)
        server.run(sockets=sockets)


def allow_many_connections() -> None:
    """Raise this process's limit of open files, as far as the operating system allows.

    At the limit no client can connect, and 1,024, a usual one, are few for slow clients.
    """
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < _OPEN_FILES:
        # A process may raise it up to the hard limit, unless a sandbox forbids that.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _OPEN_FILES), most))


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host name.

    Raises:
        OSError: the name is unknown, or one of the addresses is not available.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing = OSError(errno.EADDRNOTAVAIL, f"{host} has no address of this machine.")
    with ExitStack() as stack:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listening = socket.create_server(address, family=family, backlog=_BACKLOG)
            except OSError as error:
                # localhost has the address ::1 even where IPv6 is switched off.
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing = error
            else:
                sockets.append(stack.enter_context(listening))
        stack.pop_all()
    if not sockets:
        raise missing
    return sockets


def build_server(
    app: "ASGIApp",
    *,
    started: Callable[[], None] | None = None,
    log_level: str = "warning",
    timeouts: "Timeouts | None" = None,
) -> "uvicorn.Server":
    """Return a server that runs on the sockets it is given."""
    import uvicorn  # noqa: PLC0415 - see above

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if started is not None:
                started()

    return Server(build_config(app, log_level=log_level, timeouts=timeouts))


def build_config(
    app: "ASGIApp | Callable[[], ASGIApp]",
    *,
    log_level: str = "warning",
    timeouts: "Timeouts | None" = None,
    processes: int = 1,
) -> "uvicorn.Config":
    """Return uvicorn's options; each of several processes calls ``app`` for its application."""
    import uvicorn  # noqa: PLC0415 - see above

    from dashtam.presentation.http.http_protocol import (  # noqa: PLC0415 - see above
        ClientBuffers,
        HttpConnectionProtocol,
        Timeouts,
    )

    timeouts = timeouts or Timeouts()
    buffers = ClientBuffers(timeouts.buffered_bytes)
    return uvicorn.Config(
        app,
        factory=processes > 1,
        workers=processes,
        # Declared as a class, which uvicorn only calls.
        http=partial(HttpConnectionProtocol, timeouts=timeouts, buffers=buffers),  # type: ignore[arg-type]
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
        timeout_worker_healthcheck=_SILENT_FOR_S,
    )


@contextmanager
def signals_stop_the_server_only() -> Iterator[None]:
    """Keep SIGINT and SIGTERM from ending the process before its caller closes the database.

    uvicorn handles them while it serves, and raises them once more afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    # A function, since processes that are started here would inherit SIG_IGN.
    previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, action in previous.items():
            signal.signal(number, action)
