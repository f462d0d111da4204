"""The server granian, for whoever has a proxy in front that lets no client be slow."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec

from starlette.types import ASGIApp

from dashtam.domain.errors import DashtamError
from dashtam.presentation.http.server import STOP_WITHIN_S, listen, signals_end_the_server_only

NOTE = (
    "granian closes no client that sends its body or reads its answer too slowly. Let nobody reach"
    " it but a proxy that does."
)
_HEADERS_WITHIN_MS = 10_000
# What a process does once it answers no more: syncs that were promised are finished.
_FINISH_WITHIN_S = 25
_LOG = {
    "handlers": {
        "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "access": {"class": "logging.NullHandler"},
    }
}


class GranianMissing(DashtamError):
    """It is an extra that was not installed."""

    detail = (
        "The server granian is not installed: `pip install 'dashtam[granian]'`, or leave"
        " DASHTAM_SERVER as it is."
    )


def require() -> None:
    """Make sure that granian is there, without loading it.

    Raises:
        GranianMissing: it is not.
    """
    if find_spec("granian") is None:
        raise GranianMissing


def serve(
    make_app: Callable[[], ASGIApp],
    *,
    host: str,
    port: int,
    processes: int,
    started: Callable[[], None],
) -> None:
    """Answer requests until SIGTERM or SIGINT, then let each process finish.

    ``make_app`` can be pickled, and is called in each process; there is at least one beside this.

    Raises:
        OSError: the address cannot be had; nothing was started yet.
    """
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415 - an extra
    from granian.http import HTTP1Settings  # noqa: PLC0415 - an extra
    from granian.log import LogLevels  # noqa: PLC0415 - an extra
    from granian.server import Server  # noqa: PLC0415 - an extra

    # A copy of this process would hold locks of threads that it does not have.
    multiprocessing.set_start_method("spawn", force=True)
    address = _address(host, port)
    server = Server(
        "dashtam",
        address,
        port,
        interface=Interfaces.ASGI,
        workers=processes,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_WITHIN_MS),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN_S + _FINISH_WITHIN_S,
        log_level=LogLevels.warning,
        log_dictconfig=_LOG,
    )
    server.on_startup(lambda: _tell_once_it_answers(address, port, started))
    with signals_end_the_server_only():
        server.serve(target_loader=make_app, wrap_loader=False)


def _address(host: str, port: int) -> str:
    """Return the first address of the host, having made sure that it can be had."""
    sockets = listen(host, port)
    address: str = sockets[0].getsockname()[0]
    for taken in sockets:
        taken.close()
    return address


def _tell_once_it_answers(address: str, port: int, started: Callable[[], None]) -> None:
    def wait() -> None:
        while not _answers(address, port):
            time.sleep(0.05)
        started()

    threading.Thread(target=wait, name="tell-once-it-answers", daemon=True).start()


def _answers(address: str, port: int) -> bool:
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((address, port), timeout=5) as wire:
            wire.sendall(request)
            return wire.recv(16).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
