"""The process that reads one statement file, within limits, and can harm nothing but itself.

``python -I -m dashtam.statements.sandbox_process FD`` reads the file from the descriptor FD and a
``SandboxRequest`` from standard input, and writes one ``SandboxResponse`` a line, as JSON, to
standard output. The limits are POSIX's (``resource``); on Windows this module does not run.
"""

import gc
import os
import resource
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from dashtam.domain.errors import DashtamError, FieldError, MappingNeeded
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

_encoder = msgspec.json.Encoder()


class SandboxRequest(msgspec.Struct, frozen=True):
    """The arguments of ``formats.read`` beside the file."""

    format: str | None
    mapping: dict[str, Any] | None
    now: datetime
    is_preview: bool = False


class SandboxResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: the file's format, a statement as JSON, an error's ``detail``, or the end.

    ``table`` comes with the first statement of a table, and with an error that needs a mapping.
    """

    file_format: str = ""
    statement: msgspec.Raw = msgspec.Raw()
    detail: str | None = None
    field_errors: tuple[FieldError, ...] = ()
    needs_mapping: bool = False
    table: MappingProposal | None = None
    is_done: bool = False


def main() -> None:
    """Read the file, and end without a word about its content in any case."""
    try:
        descriptor = int(sys.argv[1])
        # 1 s more for each MiB above 10, at most 300.
        extra_s = os.fstat(descriptor).st_size // _MIB - _USUAL_MIB
        cpu_s = CPU_S + min(max(extra_s, 0), _MOST_EXTRA_S)
        # The second figure of the processor's is the one that cannot be caught.
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        # A file may take its time: requests of others go first.
        os.nice(_NICENESS)
        # Nothing here makes reference cycles worth a search, and every search costs.
        gc.disable()
        request = msgspec.json.decode(sys.stdin.buffer.read(), type=SandboxRequest)
        with os.fdopen(descriptor, "rb") as file:
            for response in respond(file, request):
                sys.stdout.buffer.write(_encoder.encode(response) + b"\n")
        sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except BaseException:  # noqa: BLE001 - the edge of the process: a traceback could quote the file
        os._exit(EXIT_CRASHED)


def respond(file: BinaryIO, request: SandboxRequest) -> Iterator[SandboxResponse]:
    """Yield a response for each statement of the file, and the last one for its end."""
    # After the limits, so that they hold for everything that is loaded for the file.
    from dashtam.statements import formats  # noqa: PLC0415

    try:
        slug = request.format or formats.detect(file)
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
    except DashtamError as error:
        needs_mapping = isinstance(error, MappingNeeded)
        yield SandboxResponse(
            detail=str(error),
            field_errors=error.field_errors,
            needs_mapping=needs_mapping,
            table=error.proposal if isinstance(error, MappingNeeded) else None,
        )
    yield SandboxResponse(is_done=True)


if __name__ == "__main__":
    main()
