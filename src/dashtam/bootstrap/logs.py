"""The log: one JSON object a line on standard error, each an event with a fixed name.

A log that cannot be written never fails or delays its writer: lines are written by a thread of
their own, and those that cannot be written are dropped and counted.
"""

import atexit
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger
from typing_extensions import override

get_logger = structlog.get_logger

_MAX_WAITING_LINES: Final = 10_000
_FLUSH_WITHIN_S: Final = 1.0


class LineWriter:
    """Writes lines to a file descriptor, in order; None drops every line.

    ``on_drop`` is called for each line that was dropped, in any thread.
    """

    def __init__(self, descriptor: int | None) -> None:
        self.on_drop: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        # Unlike Queue it may be used while its own lock is held, as by a destructor that logs.
        self._lines: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._dropped = 0
        self._is_line_open = False

    def write(self, line: str) -> None:
        """Write the line soon; it is dropped where too many wait already."""
        if self._descriptor is None or self._lines.qsize() >= _MAX_WAITING_LINES:
            self._drop()
            return
        self._lines.put(line.encode("utf-8", "backslashreplace") + b"\n")
        if self._thread is None:
            self._start()

    def flush(self, timeout_s: float = _FLUSH_WITHIN_S) -> None:
        """Wait until the lines so far are written or dropped."""
        if self._thread is not None:
            written = threading.Event()
            self._lines.put(written)
            written.wait(timeout_s)

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="log", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # The process has too many threads; the next line tries again.
                    return
                self._thread = thread
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            if self._dropped:
                dropped = self._dropped
                if not self._write(_dropped_line(dropped)):
                    self._drop()
                    continue
                self._dropped -= dropped
            if not self._write(line):
                self._drop()

    def _drop(self) -> None:
        self._dropped += 1
        self.on_drop()

    def _write(self, line: bytes) -> bool:
        assert self._descriptor is not None, "lines without a descriptor are dropped before"
        # A disk that was full has the beginning of a line.
        rest = b"\n" + line if self._is_line_open else line
        try:
            while rest:
                written = os.write(self._descriptor, rest)
                self._is_line_open = written < len(rest)
                rest = rest[written:]
        except OSError:
            return False
        return True


class _LineLogger:
    """The logger at the end of structlog's processors."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def msg(self, line: str) -> None:
        self._writer.write(line)

    debug = info = warning = error = msg


class _EventHandler(logging.Handler):
    """Logs the messages of libraries as events, without values: they may quote a row."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        text = str(record.msg).strip().partition("\n")[0]
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        level = "warning" if record.levelno < logging.ERROR else "error"
        fields = {} if error is None else _error_fields(error)
        getattr(get_logger(), level)("library_message", library=record.name, text=text, **fields)


def configure(level: str, *, debug: bool = False) -> LineWriter:
    """Log events from ``level`` (such as ``info``) up, with tracebacks if ``debug``.

    The message of an exception may quote a balance or a name, so it is not logged otherwise.
    Return the writer.
    """
    writer = LineWriter(_stderr_descriptor())

    def add_traceback(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        if level == "error" and sys.exception() is not None:
            event["traceback"] = traceback.format_exc()
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([add_traceback] if debug else []),
            # Characters outside ASCII are escaped: some control a terminal.
            structlog.processors.JSONRenderer(default=str, separators=(",", ":")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=lambda *_: _LineLogger(writer),
        cache_logger_on_first_use=True,
    )
    return writer


def capture_libraries() -> None:
    """Make events of the libraries' messages, and of errors that end a thread or are ignored."""
    logging.basicConfig(level=logging.WARNING, handlers=[_EventHandler()], force=True)
    logging.captureWarnings(capture=True)

    def log_thread_error(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            get_logger().error("thread_failed", **_error_fields(args.exc_value))

    def log_ignored_error(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_value is not None:
            get_logger().error("error_ignored", **_error_fields(unraisable.exc_value))

    threading.excepthook = log_thread_error
    sys.unraisablehook = log_ignored_error


def _error_fields(error: BaseException) -> dict[str, str]:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"error": f"{type(error).__module__}.{type(error).__qualname__}", "frames": frames}


def _stderr_descriptor() -> int | None:
    """Return the descriptor of standard error, None where there is none."""
    try:
        return None if sys.stderr is None else sys.stderr.fileno()
    except (OSError, ValueError):
        return None


def _dropped_line(count: int) -> bytes:
    at = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]
    return (
        f'{{"count":{count},"event":"log_lines_dropped","level":"warning","timestamp":"{at}"}}\n'
    ).encode()
