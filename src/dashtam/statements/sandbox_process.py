"""The process that reads statement files, within limits, and can harm nothing but itself.

``python -I -m dashtam.statements.sandbox_process`` has a socket as its standard input. Each line of
it is a ``SandboxRequest`` that comes with the descriptor of a file. For each the process writes one
``SandboxResponse`` a line, as JSON, to standard output. It ends with the socket. The limits are
POSIX's (``resource``); on Windows this module does not run.
"""

import gc
import io
import math
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from dashtam.domain.errors import DashtamError, FieldError, MappingNeeded, UnknownFormat
from dashtam.domain.mapping_proposal import MappingProposal

CPU_S = 10
"""The processor time for a file of up to 10 MiB, the longest upload."""

MEMORY_BYTES = 256 * 1024 * 1024

EXIT_MEMORY = 3
EXIT_CRASHED = 4

_NICENESS = 10
_OPEN_FILES = 32
_MIB = 1024 * 1024
_USUAL_MIB = 10
_MOST_EXTRA_S = 300
_REQUEST_BYTES = 64 * 1024
# A table is read twice.
_PASSES = {"balance_csv": 2}
# A long file reports so often that it is being read.
_REPORTS = 50

_encoder = msgspec.json.Encoder()


class SandboxRequest(msgspec.Struct, frozen=True):
    """The arguments of ``formats.read`` beside the file."""

    format: str | None
    mapping: dict[str, Any] | None
    now: datetime
    is_preview: bool = False


class SandboxResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: the file's format, a statement as JSON, the share that was read, or the end.

    An error's ``detail`` is an end too. ``table`` comes with the first statement of a table, and
    with an error that needs a mapping.
    """

    file_format: str = ""
    statement: msgspec.Raw = msgspec.Raw()
    read_share: float = 0
    detail: str | None = None
    field_errors: tuple[FieldError, ...] = ()
    needs_mapping: bool = False
    is_unknown: bool = False
    table: MappingProposal | None = None
    is_done: bool = False


class WatchedFile(io.BufferedReader):
    """A file that reports the share of it that was read, a long one some fifty times."""

    def __init__(self, descriptor: int, report: Callable[[float], None]) -> None:
        super().__init__(io.FileIO(descriptor, "rb"))
        self._report = report
        self._read = self._reported = 0
        self._size = os.fstat(descriptor).st_size
        self.passes = 1

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does."""
        content = super().read(size)
        self._read += len(content)
        if self._read - self._reported > max(_MIB, self._size * self.passes // _REPORTS):
            self._reported = self._read
            self._report(min(self._read / (self._size * self.passes or 1), 1))
        return content


def main() -> None:
    """Read the files, and end without a word about their content in any case."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        # A file may take its time: requests of others go first.
        os.nice(_NICENESS)
        # A search for reference cycles while a file is read would cost, and find nothing.
        gc.disable()
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as requests:
            while (received := _receive(requests)) is not None:
                request, descriptor = received
                limit_processor_time(os.fstat(descriptor).st_size)
                with WatchedFile(descriptor, _report_share) as file:
                    for response in respond(file, request):
                        _write(response)
                sys.stdout.buffer.flush()
                gc.collect()
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException:  # noqa: BLE001 - the edge of the process: a traceback could quote the file
        os._exit(EXIT_CRASHED)


def _receive(requests: socket.socket) -> tuple[SandboxRequest, int] | None:
    """Return the next request with its file's descriptor, None at the end."""
    text, descriptors, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 1)
    while text and not text.endswith(b"\n"):
        text += requests.recv(_REQUEST_BYTES)
    if not text:
        return None
    return msgspec.json.decode(text, type=SandboxRequest), descriptors[0]


def limit_processor_time(size: int) -> None:
    """Allow the time for one more file: 1 s more for each MiB above 10, at most 300."""
    extra_s = min(max(size // _MIB - _USUAL_MIB, 0), _MOST_EXTRA_S)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit_s = math.ceil(usage.ru_utime + usage.ru_stime) + CPU_S + extra_s
    _, most_s = resource.getrlimit(resource.RLIMIT_CPU)
    if most_s != resource.RLIM_INFINITY:
        limit_s = min(limit_s, most_s)
    # Nothing here catches the signal of the first figure; the second could not rise again.
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, most_s))


def _write(response: SandboxResponse) -> None:
    sys.stdout.buffer.write(_encoder.encode(response) + b"\n")


def _report_share(share: float) -> None:
    _write(SandboxResponse(read_share=share))
    sys.stdout.buffer.flush()


def respond(file: BinaryIO, request: SandboxRequest) -> Iterator[SandboxResponse]:
    """Yield a response for each statement of the file, and the last one for its end."""
    # After the limits, so that they hold for everything that is loaded for the file.
    from dashtam.statements import formats  # noqa: PLC0415

    try:
        slug = request.format or formats.detect(file)
        if isinstance(file, WatchedFile):
            file.passes = _PASSES.get(slug, 1)
        yield SandboxResponse(file_format=slug)
        for statement in formats.read(
            file,
            format=slug,
            mapping=request.mapping,
            now=request.now,
            is_preview=request.is_preview,
        ):
            content = msgspec.Raw(_encoder.encode(statement))
            yield SandboxResponse(statement=content, table=statement.table)
        yield SandboxResponse(is_done=True)
    except DashtamError as error:
        yield SandboxResponse(
            detail=str(error),
            field_errors=error.field_errors,
            needs_mapping=isinstance(error, MappingNeeded),
            is_unknown=isinstance(error, UnknownFormat),
            table=error.proposal if isinstance(error, MappingNeeded) else None,
        )


if __name__ == "__main__":
    main()
