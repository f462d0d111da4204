"""A damaged document is read or refused; nothing crashes."""

import io
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtam.domain.errors import DashtamError
from dashtam.domain.money import parse_amount
from dashtam.domain.statement import Reading, Statement
from dashtam.statements import formats
from statements.statement_text import NOW
from statements.test_expected_output import DOCUMENTS, mapping_of

POISON = [
    b"NaN", b"1E400", b"Infinity", b"1_000", b"99991231", b"00000000", b"\0", b"\xff\xfe",
    b"<LEDGERBAL>", b"</STMTRS>", b"<![CDATA[", b"<!--", b"]]>", b"&#0;", b"&#x110000;", b"&amp;",
    b"\n:62F:", b"\n:20:", b"\n:25:", b"{4:", b"-}", b'"', b"\r", b"\t", b"", b"<", b">", b"/",
    b"\xef\xbc\x91", b"9" * 400, b"[-99:X]", b"-", b",", b".", b"\xc3", b"<Bal>", b"</Stmt>",
]  # fmt: skip


def mutated(content: bytes, seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311 - a repeatable accident, not a secret
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(damaged) + 1)
        length = chance.choice((0, 1, 1, 2, 8, 64))
        damage = chance.choice((chance.choice(POISON), bytes([chance.randrange(256)])))
        damaged[place : place + length] = damage
    if chance.random() < 0.2:
        del damaged[chance.randrange(len(damaged) + 1) :]
    return bytes(damaged)


def check(statement: Statement) -> None:
    assert len(statement.readings) <= 1_000
    assert len(statement.problems) <= 1_000
    if statement.identity.currency.code == "XXX":
        assert not statement.readings
    for reading in statement.readings:
        check_reading(reading)
    for problem in statement.problems:
        assert not re.search(r"[0-9]{5}", problem.detail)


def check_reading(reading: Reading) -> None:
    assert reading.captured_at.utcoffset() is not None
    assert reading.captured_at.date() <= NOW.date()
    assert reading.captured_at.year >= 1900
    for amount in (reading.balance, reading.available_balance, reading.cash_value):
        assert amount is None or parse_amount(format(amount, "f")) == amount


def sentence_of(content: bytes, slug: str | None, mapping: dict[str, object] | None) -> str:
    """Check every statement, and return the error's sentence, empty where there is none."""
    try:
        for statement in formats.read(io.BytesIO(content), format=slug, mapping=mapping, now=NOW):
            check(statement)
    except DashtamError as error:
        return str(error) or "no sentence" * 1_000
    return ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**64 - 1))
def test_a_damaged_document_is_read_or_refused(path: Path, seed: int) -> None:
    sentence = sentence_of(mutated(path.read_bytes(), seed), None, mapping_of(path))
    assert len(sentence) < 500
    assert not re.search(r"[0-9]{5}", sentence)


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([form.slug for form in formats.FORMATS]))
def test_noise_in_any_format_is_refused(noise: bytes, slug: str) -> None:
    assert len(sentence_of(noise, slug, None)) < 500
