"""The sandbox: a separate process reads the statement files, so that a hostile one harms nobody.

``sandbox_process`` runs there, with limits of processor time and memory; it finds the format of a
file, and returns its statements as lines of JSON. Nothing of a file's content reaches an error or a
log.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, Final, Self

import msgspec

from dashtam.application.ports import StatementFile
from dashtam.domain.errors import FieldError, MappingNeeded, UnknownFormat, UnreadableFile
from dashtam.domain.mapping_proposal import MappingProposal
from dashtam.domain.statement import FileFormat, Statement
from dashtam.statements import sandbox_process
from dashtam.statements.formats import FORMATS
from dashtam.statements.sandbox_process import SandboxRequest, SandboxResponse

STALL_S = 60.0
"""A reader is stopped that uses no processor time and writes nothing for this long."""

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""A source without an end, such as a pipe, is read so far."""

MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_IN_MEMORY_BYTES = 4 * 1024 * 1024

_CHUNK_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 32 * 1024
_SLOW = "Reading this file took longer than a statement may, so it was stopped."
_ENDINGS = {
    -signal.SIGXCPU: _SLOW,
    -signal.SIGKILL: _SLOW,
    sandbox_process.EXIT_MEMORY: (
        "Reading this file took more memory than a statement may, and was stopped."
    ),
}
_LONG = "This file holds more than can be recorded at once."
_CRASHED = "This file made its reader fail, so nothing of it was used."
_SLUGS: Final = tuple(known.slug for known in FORMATS)
_response_decoder = msgspec.json.Decoder(SandboxResponse)
_statement_decoder = msgspec.json.Decoder(Statement)


class SandboxedStatementFiles:
    """Reads files in the sandbox; no transaction is open meanwhile, and no long file in memory.

    Each file has a process of its own, unless ``process`` reads one after another.
    """

    def __init__(self, process: "ReaderProcess | None" = None) -> None:
        self._process = process

    def formats(self) -> Sequence[FileFormat]:
        """Return the formats of ``detect``."""
        return FORMATS

    @contextmanager
    def for_many(self) -> Iterator["SandboxedStatementFiles"]:
        """Read all files with one process, for one user and in one thread."""
        with ReaderProcess() as process:
            yield SandboxedStatementFiles(process)

    @contextmanager
    def read(
        self,
        file: BinaryIO,
        file_format: str | None,
        mapping: Mapping[str, object],
        now: datetime,
        report: Callable[[float], None] | None = None,
        *,
        is_preview: bool = False,
    ) -> Iterator[StatementFile]:
        """Read the file to its end, before any of its statements is used.

        Raises:
            UnknownFormat: it is no statement, by its content.
            UnreadableFile: nothing in it can be used, or reading it broke a limit or the reader.
            MappingNeeded: it is a table that needs a mapping, or another one.
        """
        if file_format and file_format not in _SLUGS:
            detail = f"This format is not known: {', '.join(_SLUGS[:-1])} and {_SLUGS[-1]} are."
            raise UnreadableFile(detail, (FieldError("/format", "unknown_format", detail),))
        with (
            nullcontext(self._process) if self._process else ReaderProcess() as process,
            closing(
                process.read(file, file_format, mapping, now, report, is_preview=is_preview)
            ) as responses,
            tempfile.SpooledTemporaryFile(max_size=MAX_IN_MEMORY_BYTES) as spool,
        ):
            slug = next(responses, SandboxResponse()).file_format
            if slug not in _SLUGS:
                raise UnreadableFile(_CRASHED)
            tables: list[MappingProposal] = []
            count = 0
            for response in responses:
                # Line by line, since the spool compares its length with the limit once a write.
                spool.write(bytes(response.statement) + b"\n")
                count += 1
                if response.table is not None:
                    tables.append(response.table)
            spool.seek(0)
            yield StatementFile(slug, map(decode_statement, spool), count, tables)


class ReaderProcess:
    """The process that reads files one after another; a file that ends it has the next start it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def read(
        self,
        file: BinaryIO,
        format: str | None,  # noqa: A002 - the contract's name
        mapping: Mapping[str, object] | None,
        now: datetime,
        report: Callable[[float], None] | None = None,
        *,
        is_preview: bool = False,
    ) -> Generator[SandboxResponse]:
        """Yield the file's format, then the statements of ``formats.read``.

        ``decode_statement`` reads them; ``report`` is called with the share that was read. The
        process ends if the iteration does before the file.

        Raises:
            UnknownFormat: the file is no statement, by its content.
            UnreadableFile: nothing in it can be used, or reading it broke a limit or the reader.
            MappingNeeded: it is a table that needs a mapping, or another one.
        """
        request = SandboxRequest(format, dict(mapping) if mapping else None, now, is_preview)
        line = msgspec.json.encode(request) + b"\n"
        if len(line) > _MAX_REQUEST_BYTES:
            raise MappingNeeded(detail="The mapping is longer than 32 KiB.")
        is_over = False
        with _open_descriptor(file) as source:
            process = self._start()
            try:
                self._send(line, source)
                for answer in _iter_lines(process):
                    response = _response_decoder.decode(answer)
                    is_over = response.is_done or response.detail is not None
                    if response.detail is not None:
                        raise _error_of(response)
                    if is_over:
                        return
                    if response.read_share and report is not None:
                        report(response.read_share)
                    if response.file_format or bytes(response.statement):
                        yield response
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STALL_S)
                raise UnreadableFile(_ENDINGS.get(process.returncode, _CRASHED))
            except msgspec.DecodeError:
                raise UnreadableFile(_CRASHED) from None
            finally:
                if not is_over:
                    self._end()

    def _send(self, request: bytes, file: IO[bytes]) -> None:
        assert self._requests is not None
        # A request fits into the socket, so that writing it never waits for the process.
        with suppress(BrokenPipeError, ConnectionResetError):
            sent = socket.send_fds(self._requests, [request], [file.fileno()])
            self._requests.sendall(request[sent:])

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                # Isolated, and writing no bytecode: the process may write no file.
                [sys.executable, "-I", "-B", "-m", sandbox_process.__name__],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                env={},
                cwd="/",
            )
        return self._process

    def _end(self) -> None:
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            self._process.kill()
            with self._process:
                self._process = None


def _error_of(response: SandboxResponse) -> Exception:
    if response.needs_mapping:
        return MappingNeeded(response.detail, response.field_errors, response.table)
    kind = UnknownFormat if response.is_unknown else UnreadableFile
    return kind(response.detail, response.field_errors)


def decode_statement(line: bytes) -> Statement:
    """Return the statement of a line.

    Raises:
        UnreadableFile: the line holds none.
    """
    try:
        return _statement_decoder.decode(line)
    except msgspec.DecodeError:
        raise UnreadableFile(_CRASHED) from None


def read_cpu_ticks(pid: int) -> list[str]:
    """Return the processor time of a process, in and outside the kernel; empty if not on Linux."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    # The name before the parenthesis may hold spaces; see proc(5) for the numbers behind it.
    return stat.rpartition(")")[2].split()[11:13]


def _open_descriptor(file: BinaryIO) -> IO[bytes]:
    """Return an open file of the operating system with this content."""
    with suppress(OSError, AttributeError):
        if file.seekable():
            return os.fdopen(os.dup(file.fileno()), "rb")
    with suppress(OSError):
        file.seek(0)
    return copy_to_file(file)


def copy_to_file(stream: BinaryIO) -> IO[bytes]:
    """Return the rest of a stream as an open file, which is at its beginning and has no name.

    Raises:
        UnreadableFile: it is longer than a file may be.
    """
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    while block := stream.read(_CHUNK_BYTES):
        copy.write(block)
        if copy.tell() > MAX_FILE_BYTES:
            copy.close()
            raise UnreadableFile(_LONG)
    copy.seek(0)
    return copy


def _iter_lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    rest = bytearray()
    received = 0
    ticks: list[str] | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(STALL_S):
                # A busy machine slows a reader down; only one that makes no progress is stopped.
                before, ticks = ticks, read_cpu_ticks(process.pid)
                if ticks == before:
                    raise UnreadableFile(_SLOW)
                continue
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                return
            received += len(chunk)
            *lines, last = chunk.split(b"\n")
            for line in lines:
                yield bytes(rest + line)
                rest.clear()
            rest += last
            if received > MAX_ANSWER_BYTES or len(rest) > MAX_LINE_BYTES:
                raise UnreadableFile(_LONG)
