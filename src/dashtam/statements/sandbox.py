"""Statement files: read by a process of their own, so that a hostile one harms nobody.

The file goes to ``child``, which has limits of processor time and memory; what it understood comes
back as lines of JSON. Nothing of a file's content reaches an error or a log.
"""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from typing import IO, BinaryIO

import msgspec

from dashtam.domain.errors import DashtamError, MappingNeeded, UnreadableFile
from dashtam.domain.statement import Statement
from dashtam.statements import sandbox_process

MAX_WAIT_S = 15.0
MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024

_CHUNK_BYTES = 256 * 1024
# What a process that has closed its output may still take to end.
_ENDING_S = 1.0
_MAX_REQUEST_BYTES = 32 * 1024
_MODULE = "dashtam.statements.sandbox_process"
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
_answer_decoder = msgspec.json.Decoder(sandbox_process.SandboxResponse)
_statement_decoder = msgspec.json.Decoder(Statement)


def read_statements(
    file: BinaryIO,
    format: str | None,  # noqa: A002 - the word of the contract
    mapping: Mapping[str, object] | None,
    now: datetime,
) -> Iterator[Statement]:
    """Yield what ``catalog.read`` yields, read as ``read_encoded`` does.

    Raises:
        UnreadableFile: nothing in it can be used, or reading it broke a limit or the reader.
        MappingNeeded: it is a table that needs a mapping, or another one.
    """
    with closing(read_encoded(file, format, mapping, now)) as lines:
        yield from map(decoded, lines)


def read_encoded(
    file: BinaryIO,
    format: str | None,  # noqa: A002 - the word of the contract
    mapping: Mapping[str, object] | None,
    now: datetime,
) -> Generator[bytes]:
    """Yield what ``catalog.read`` yields, each statement in one line for ``decoded``.

    It is read in a limited process that ends with the iteration. Waiting is limited to 15 s in all,
    longer for a file above 10 MiB; the time that the caller takes between two statements does not
    count.

    Raises:
        UnreadableFile: nothing in it can be used, or reading it broke a limit or the reader.
        MappingNeeded: it is a table that needs a mapping, or another one.
    """
    request = msgspec.json.encode(
        sandbox_process.SandboxRequest(format, dict(mapping) if mapping else None, now)
    )
    if len(request) > _MAX_REQUEST_BYTES:
        raise MappingNeeded(detail="The mapping is longer than 32 KiB.")
    with _real(file) as source, _started(source, request) as process:
        try:
            yield from _received(process, MAX_WAIT_S + sandbox_process.extra_s(source.fileno()))
        finally:
            process.kill()


def decoded(line: bytes) -> Statement:
    """Return the statement of a line.

    Raises:
        UnreadableFile: the reader wrote what is none.
    """
    try:
        return _statement_decoder.decode(line)
    except msgspec.DecodeError:
        raise UnreadableFile(_CRASHED) from None


def _real(file: BinaryIO) -> IO[bytes]:
    """Return an open file of the operating system with this content, which may be closed."""
    with suppress(OSError, AttributeError):
        descriptor = os.dup(file.fileno())
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
        except OSError:
            os.close(descriptor)
        else:
            return os.fdopen(descriptor, "rb")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with suppress(OSError):
        file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        copy.write(chunk)
    copy.flush()
    return copy


def _started(source: IO[bytes], request: bytes) -> subprocess.Popen[bytes]:
    descriptor = source.fileno()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        # Isolated, and writing no bytecode: the child may write no file.
        [sys.executable, "-I", "-B", "-m", _MODULE, str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        close_fds=True,
        env={},
        cwd="/",
    )
    assert process.stdin is not None
    # A request fits into the pipe, so that writing it never waits for the child.
    with suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(request)
    return process


def _received(process: subprocess.Popen[bytes], wait_s: float) -> Iterator[bytes]:
    """Yield the statements as they were written.

    Raises:
        Refusal: what the child refused with, or the reason for which it did not finish.
    """
    for line in _lines(process, wait_s):
        try:
            answer = _answer_decoder.decode(line)
        except msgspec.DecodeError:
            raise UnreadableFile(_CRASHED) from None
        if answer.detail is not None:
            raise _refusal(answer)
        if answer.is_done:
            return
        if statement := bytes(answer.statement):
            yield statement
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_S)
    raise UnreadableFile(_ENDINGS.get(process.returncode, _CRASHED))


def _refusal(answer: sandbox_process.SandboxResponse) -> DashtamError:
    kind = MappingNeeded if answer.needs_mapping else UnreadableFile
    return kind(answer.detail, answer.field_errors)


def _lines(process: subprocess.Popen[bytes], wait_s: float) -> Iterator[bytes]:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    rest = bytearray()
    received = 0
    waited_s = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            asked_at = time.monotonic()
            if not selector.select(wait_s - waited_s):
                raise UnreadableFile(_SLOW)
            waited_s += time.monotonic() - asked_at
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
