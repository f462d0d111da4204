"""A file is read to its end before anything of it is handed on, and no long one stays in memory."""

import io
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from dashtam.domain.errors import UnreadableFile
from dashtam.statements.statement_files import SandboxedStatementFiles
from readers.printed import NOW

HEADER = b"Date,Balance,Account\n"


def rows(count: int) -> bytes:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    times = (start + timedelta(minutes=minute) for minute in range(count))
    return b"".join(b"%s,1.00,A\n" % str(at).encode() for at in times)


def test_a_refusal_at_the_end_comes_before_anything_is_handed_on() -> None:
    file = io.BytesIO(HEADER + rows(3_000) + b"x,1.00,A\n" * 10_001)
    reading = SandboxedStatementFiles().read(file, None, {}, NOW)
    with pytest.raises(UnreadableFile, match=r"10,000 rows"), reading:
        pytest.fail("nothing may be handed on")


def test_a_long_file_does_not_stay_in_memory() -> None:
    file = io.BytesIO(HEADER + rows(150_000))
    tracemalloc.start()
    with SandboxedStatementFiles().read(file, None, {}, NOW) as read:
        count = sum(len(statement.readings) for statement in read.statements)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 150_000
    # The file itself, where it is sent to the child, and the spool's own 4 MiB; not its answer.
    assert peak < 10 * 1024 * 1024
