"""A file is read to its end before its first statement is used, and no long one stays in memory."""

import io
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from dashtam.domain.errors import UnreadableFile
from dashtam.statements import sandbox
from dashtam.statements.sandbox import SandboxedStatementFiles
from statements.statement_text import NOW

HEADER = b"Date,Balance,Account\n"


def rows(count: int) -> bytes:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    times = (start + timedelta(minutes=minute) for minute in range(count))
    return b"".join(b"%s,1.00,A\n" % str(at).encode() for at in times)


def test_an_error_at_the_end_comes_before_the_first_statement() -> None:
    file = io.BytesIO(HEADER + rows(3_000) + b"x,1.00,A\n" * 10_001)
    reading = SandboxedStatementFiles().read(file, None, {}, NOW)
    with pytest.raises(UnreadableFile, match=r"10,000 rows"), reading:
        pytest.fail("no statement may be used")


def test_a_long_file_does_not_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MAX_IN_MEMORY_BYTES", 100_000)
    file = io.BytesIO(HEADER + rows(30_000))
    tracemalloc.start()
    with SandboxedStatementFiles().read(file, None, {}, NOW) as read:
        count = sum(len(statement.readings) for statement in read.statements)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    # A chunk of the output and the readings of one statement; those of all statements take 5 MB.
    assert peak < 2_000_000
