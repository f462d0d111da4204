"""A hostile file ends its own reader, within its limits, and nothing else."""

import io
import itertools
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from dashtam.domain.errors import DashtamError
from dashtam.statements import sandbox, sandbox_process
from dashtam.statements.sandbox import SandboxedStatementFiles
from statements.statement_text import NOW, read_in_sandbox

CAMT = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol0 "lol">'
    + b"".join(b'<!ENTITY lol%d "%s">' % (i, b"&lol%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]>"
)
MONARCH = b"Date,Balance,Account\n"
TWO_DAYS = MONARCH + b"2025-01-01,1.00,A\n2025-01-02,2.00,A\n"
SLOW = "took longer"


def reading_error(file: BinaryIO, slug: str | None = None) -> str:
    with pytest.raises(DashtamError) as error:
        list(read_in_sandbox(file, slug))
    return str(error.value)


@pytest.mark.proves(19, hostile_files_contained=1)
@pytest.mark.parametrize(
    "bomb",
    [
        LAUGHS + CAMT + b"&lol9;</Document>",
        CAMT + b"<![CDATA[" * 16_000,
        CAMT + b"<a>" * 2_000_000,
        CAMT + b"<Stmt>" * 100_000 + b"</Stmt>" * 100_000 + b"</Document>",
        b"<OFX><STMTRS>" + b"<![CDATA[" * 16_000,
        b"<OFX><STMTRS>" + b"<!--" * 1_000_000,
        b"<OFX>" + b"<STMTRS>" * 1_000_000,
        b"<OFX>" + b"<A" * 1_000_000,
        b"<OFX><STMTRS><CURDEF>" + b"&amp;" * 1_000_000,
        b"<OFX>" + b"x" * 40_000_000,
        b":20:A\n:25:B\n" + b":60F:\n" * 1_000_000,
        b":20:A\n:25:B\n:62F:C250101EUR" + b"1" * 10_000_000,
        b"{1:" * 1_000_000 + b"\n:20:A\n",
        MONARCH + b'"' + b"2025-01-01,1.00,A\n" * 100_000,
        MONARCH + b"2025-01-01," + b"1" * 60_000 + b",A\n",
        MONARCH + b"2025-01-01,1.00,A" * 6_000_000,
        MONARCH + b"," * 60_000 + b"\n",
    ],
    ids=range(17),
)
def test_a_bomb_is_contained(bomb: bytes) -> None:
    before_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert reading_error(io.BytesIO(bomb))
    spent_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s
    longest_extra_s = len(bomb) / 2**20
    assert spent_s < sandbox_process.CPU_S + longest_extra_s + 2


@pytest.mark.proves(19, hostile_files_contained=1)
def test_a_line_of_a_gigabyte_is_contained() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(MONARCH)
        file.truncate(2**30)
        assert "longer than 64 KiB" in reading_error(file, "balance_csv")


def test_thirty_thousand_rows_come_through_whole() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    times = (start + timedelta(minutes=i) for i in range(30_000))
    rows = b"".join(b"%s,%d.25,A\n" % (str(at).encode(), i) for i, at in enumerate(times))
    pieces = read_in_sandbox(io.BytesIO(MONARCH + rows))
    balances = [str(reading.balance) for piece in pieces for reading in piece.readings]
    assert balances == [f"{i}.25" for i in range(30_000)]


@pytest.fixture
def instead_of_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a shell script run in the reader's place, and make progress all the time."""

    def install(script: str) -> None:
        program = tmp_path / "reader"
        program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(program))
        monkeypatch.setattr(sandbox, "STALL_S", 0.2)
        ticks = itertools.count()
        monkeypatch.setattr(sandbox, "read_cpu_ticks", lambda _pid: [str(next(ticks))])

    return install


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec 1>&-; exec /bin/sleep 60", "made its reader fail"),
        ("kill -XCPU $$", SLOW),
        ("kill -SEGV $$", "made its reader fail"),
        ("exit 3", "more memory"),
        ("exit 0", "made its reader fail"),
        ("echo 4111111111111111", "made its reader fail"),
        ("while :; do echo '{}'; done", "more than can be recorded"),
        ("exec /bin/cat /dev/zero", "more than can be recorded"),
    ],
)
def test_a_failing_reader_is_an_error_in_plain_words(
    instead_of_the_reader: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
    sentence: str,
) -> None:
    instead_of_the_reader(script)
    monkeypatch.setattr(sandbox, "MAX_ANSWER_BYTES", 100_000)
    refused = reading_error(io.BytesIO(TWO_DAYS))
    assert sentence in refused
    assert "4111" not in refused
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_slow_reader_that_makes_progress_is_not_stopped(
    instead_of_the_reader: Callable[[str], None],
) -> None:
    instead_of_the_reader("""/bin/sleep 1; echo '{"detail": "done"}'""")
    assert reading_error(io.BytesIO(TWO_DAYS)) == "done"


def test_a_reader_without_progress_is_stopped(
    instead_of_the_reader: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox.read_cpu_ticks
    instead_of_the_reader("exec /bin/sleep 600")
    monkeypatch.setattr(sandbox, "read_cpu_ticks", real)
    assert SLOW in reading_error(io.BytesIO(TWO_DAYS))


def test_processor_time_is_progress() -> None:
    before = sandbox.read_cpu_ticks(os.getpid())
    while sandbox.read_cpu_ticks(os.getpid()) == before:
        pass
    assert len(before) == 2


def test_the_end_of_the_iteration_ends_the_reader() -> None:
    statements = read_in_sandbox(io.BytesIO(MONARCH + b"2025-01-01,1.00,A\n" * 50_000))
    next(statements)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    assert isinstance(statements, Generator)
    statements.close()
    assert len(before - set(children.read_text().split())) == 1


def test_files_of_every_kind_are_read_from_their_start(tmp_path: Path) -> None:
    path = tmp_path / "balances"
    path.write_bytes(TWO_DAYS)
    with path.open("rb") as real, tempfile.SpooledTemporaryFile() as spooled:
        real.read(7)
        spooled.write(TWO_DAYS)
        files: list[BinaryIO] = [real, cast("BinaryIO", spooled), io.BytesIO(TWO_DAYS)]
        for file in files:
            (statement,) = read_in_sandbox(file)
            assert len(statement.readings) == 2


def test_a_pipe_is_read() -> None:
    source, sink = os.pipe()
    with os.fdopen(sink, "wb") as pipe:
        pipe.write(TWO_DAYS)
    with os.fdopen(source, "rb") as file:
        (statement,) = read_in_sandbox(file)
    assert len(statement.readings) == 2


def test_nothing_of_the_file_is_left_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    list(read_in_sandbox(io.BytesIO(TWO_DAYS)))
    assert list(tmp_path.iterdir()) == []


def test_one_process_reads_many_files() -> None:
    table = MONARCH + b"2025-01-01,1.00,A\n"
    # A server that another test started may run beside it.
    others = children()
    with SandboxedStatementFiles().for_many() as files:
        pids = set()
        for content in (table, b"\0", table, b"Date;B\n01.02.2025;1\n", table):
            with (
                suppress(DashtamError) if content != table else nullcontext(),
                files.read(io.BytesIO(content), None, {}, NOW) as read,
            ):
                assert len(list(read.statements)) == 1
            pids |= children() - others
    assert len(pids) == 1
    assert children() <= others


def test_a_file_that_ends_its_process_leaves_the_next_one_whole() -> None:
    with SandboxedStatementFiles().for_many() as files:
        for content in (TWO_DAYS, CAMT + b"<a>" * 2_000_000, TWO_DAYS):
            with (
                suppress(DashtamError) if content != TWO_DAYS else nullcontext(),
                files.read(io.BytesIO(content), None, {}, NOW) as read,
            ):
                assert len(next(read.statements).readings) == 2


def test_each_file_of_a_process_has_its_own_processor_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[int] = []
    monkeypatch.setattr(resource, "getrusage", lambda _who: resource.struct_rusage([7.5] * 16))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limit: limits.append(limit[0]))
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (0, resource.RLIM_INFINITY))
    sandbox_process.limit_processor_time(0)
    sandbox_process.limit_processor_time(30 * 2**20)
    assert limits == [15 + sandbox_process.CPU_S, 15 + sandbox_process.CPU_S + 20]


def test_the_share_of_a_long_file_that_was_read_is_reported() -> None:
    rows = b"".join(b"2025-01-01,1.00,A%d\n" % (row % 9) for row in range(200_000))
    shares: list[float] = []
    read = SandboxedStatementFiles().read(io.BytesIO(MONARCH + rows), None, {}, NOW, shares.append)
    with read:
        assert shares == sorted(shares)
    assert len(shares) > 3
    assert 0 < shares[0] < shares[-1] <= 1


@pytest.mark.parametrize("end", ["", "é", "漢", "😀"])
def test_twenty_megabytes_of_ofx_fit_into_the_memory(end: str) -> None:
    entry = (
        "<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20240101<TRNAMT>-1.00<FITID>{:09}"
        "<NAME>CARD PAYMENT</STMTTRN>\n"
    )
    entries = "".join(map(entry.format, range(20 * 2**20 // len(entry))))
    text = (
        "<OFX><STMTRS><CURDEF>EUR<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST>"
        f"{entries}{end}</BANKTRANLIST><LEDGERBAL><BALAMT>3.00<DTASOF>20250102</LEDGERBAL></OFX>"
    )
    (statement,) = read_in_sandbox(io.BytesIO(text.encode()))
    assert statement.readings[0].balance == 3


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
