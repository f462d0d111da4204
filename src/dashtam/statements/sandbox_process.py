"""The process that reads one statement file, within limits, and can harm nothing but itself.

``python -I -m dashtam.statements.sandbox_process FD`` reads the file from the descriptor FD and
a ``SandboxRequest`` from standard input, and writes one ``SandboxResponse`` a line, as JSON, to standard output.
The limits are POSIX's (``resource``); on Windows there are none, and this module does not run.
"""

import gc
import os
import resource
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from dashtam.domain.errors import DashtamError, FieldError, MappingNeeded

CPU_S = 10
"""The processor time for a file of up to 10 MiB, which no upload exceeds."""

MEMORY_BYTES = 256 * 1024 * 1024

# How the process ends when it could not finish.
EXIT_MEMORY = 3
EXIT_CRASHED = 4

_OPEN_FILES = 32
_MIB = 1024 * 1024
_USUAL_MIB = 10
_MOST_EXTRA_S = 300

_encoder = msgspec.json.Encoder()


class SandboxRequest(msgspec.Struct, frozen=True):
    """What is asked of the child, apart from the file itself."""

    format: str | None
    mapping: dict[str, Any] | None
    now: datetime


class SandboxResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a statement as JSON, or a refusal, or that everything has been said."""

    statement: msgspec.Raw = msgspec.Raw()
    detail: str | None = None
    field_errors: tuple[FieldError, ...] = ()
    needs_mapping: bool = False
    is_done: bool = False


def extra_s(descriptor: int) -> int:
    """Return what a long file gets beyond ``CPU_S``: 1 s for each MiB above 10, at most 300."""
    return min(max(os.fstat(descriptor).st_size // _MIB - _USUAL_MIB, 0), _MOST_EXTRA_S)


def main() -> None:
    """Read the file, and end without a word about its content whatever happens."""
    try:
        descriptor = int(sys.argv[1])
        _limit(CPU_S + extra_s(descriptor))
        _run(descriptor)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException:  # noqa: BLE001 - the edge of the process: a traceback could quote the file
        os._exit(EXIT_CRASHED)


def _limit(cpu_s: int) -> None:
    # The second figure of the processor's is the one that cannot be caught.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _run(descriptor: int) -> None:
    # Nothing here makes reference cycles worth looking for, and every look costs.
    gc.disable()
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=SandboxRequest)
    for answer in _answers(descriptor, request):
        sys.stdout.buffer.write(_encoder.encode(answer))
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _answers(descriptor: int, request: SandboxRequest) -> Iterator[SandboxResponse]:
    # After the limits, so that they hold for everything that is loaded for the file.
    from dashtam.statements import formats  # noqa: PLC0415

    with os.fdopen(descriptor, "rb") as file:
        try:
            for statement in formats.read(
                file, format=request.format, mapping=request.mapping, now=request.now
            ):
                yield SandboxResponse(statement=msgspec.Raw(_encoder.encode(statement)))
        except DashtamError as refusal:
            yield SandboxResponse(
                detail=str(refusal),
                field_errors=refusal.field_errors,
                needs_mapping=isinstance(refusal, MappingNeeded),
            )
        yield SandboxResponse(is_done=True)


if __name__ == "__main__":
    main()
