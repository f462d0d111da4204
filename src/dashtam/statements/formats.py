"""The catalogue: which statement files are understood, and which of them one is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from dashtam.domain.connection import ProviderKind
from dashtam.domain.errors import FieldError, UnreadableFile
from dashtam.domain.statement import RowError, Statement
from dashtam.statements.encodings import head_of, text_of

_MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of statement file."""

    slug: str
    name: str
    extensions: tuple[str, ...]
    kind: ProviderKind
    summary: str


FORMATS = (
    Format(
        "ofx",
        "OFX / QFX",
        (".ofx", ".qfx"),
        ProviderKind.FILE,
        "What banks, cards and brokers offer for Quicken or Money, positions included.",
    ),
    Format(
        "mt940",
        "MT940",
        (".sta", ".mt940", ".940", ".txt"),
        ProviderKind.FILE,
        "The end-of-day statements of European banks; each closing balance is recorded.",
    ),
    Format(
        "camt053",
        "camt.053",
        (".xml", ".camt053"),
        ProviderKind.FILE,
        "The XML that follows MT940 (ISO 20022), with booked and available balances.",
    ),
    Format(
        "balance_csv",
        "Balance history (CSV)",
        (".csv", ".tsv", ".txt"),
        ProviderKind.FILE,
        "Dates and balances in columns, as Monarch exports them; a mapping reads any other layout.",
    ),
)

# By what a file shows itself to be something else that people try.
_OTHERS = (
    (re.compile(rb"%PDF-"), "This is a PDF: ask the bank for OFX, MT940, camt.053 or CSV."),
    (re.compile(rb"PK\x03\x04"), "This is an archive or a spreadsheet: unpack it, or save as CSV."),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "This is a spreadsheet: save it as CSV."),
    (re.compile(rb"\x1f\x8b"), "This file is compressed: unpack it first."),
    (re.compile(rb"\s*!(Type|Account|Option)", re.IGNORECASE), "QIF files carry no balances."),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "This is a web page, not a statement."),
)
_UNKNOWN = "The format of this file is not known: OFX, QFX, MT940, camt.053 and CSV are understood."
_OFX = re.compile(r"<OFX[\s>]|OFXHEADER", re.IGNORECASE)
_CAMT = re.compile(r":camt\.053\.|<([A-Za-z0-9]+:)?BkToCstmrStmt[\s>]")
_MT940 = re.compile(r"(?:^|\n|\r|\{4:)[\x01 ]?:(?:20|25P?|28C?|6[0124][FM]?|86):")


def detect(file: BinaryIO) -> str:
    """Return the slug of the file's format, by its content alone.

    Raises:
        UnreadableFile: it is empty, or none of ``FORMATS``.
    """
    head = head_of(file)
    text = text_of(head)
    if not text.strip("\ufeff\0 \t\r\n"):
        raise UnreadableFile(detail="This file is empty.")
    for pattern, detail in _OTHERS:
        if pattern.match(head):
            raise UnreadableFile(detail)
    for slug, signature in (("ofx", _OFX), ("camt053", _CAMT), ("mt940", _MT940)):
        if signature.search(text):
            return slug
    # The library of mappings is only needed here and where such a file is read.
    from dashtam.statements.csv.mapping import is_table

    if text.lstrip().startswith("<") or "\0" in text or not is_table(text):
        raise UnreadableFile(_UNKNOWN)
    return "balance_csv"


def read(
    file: BinaryIO,
    *,
    format: str | None,  # noqa: A002 - the word of the contract
    mapping: Mapping[str, object] | None,
    now: datetime,
) -> Iterator[Statement]:
    """Yield what the file reports, account by account, at most 1,000 readings at a time.

    Several pieces may have one identity. A statement whose currency could not be told has ISO
    4217's ``XXX``, problems, and no readings. ``format`` None means: see for yourself.

    Raises:
        UnreadableFile: nothing in it can be used; raised at the end where that shows only there.
        MappingNeeded: it is a table that needs a mapping, or another one.
    """
    found = False
    problems: list[RowError] = []
    for statement in _statements(file, format or detect(file), mapping, now):
        found = found or bool(statement.readings) or bool(statement.positions)
        if len(problems) < _MAX_FAULTS:
            problems += statement.problems[: _MAX_FAULTS - len(problems)]
        yield statement
    if not found:
        raise _unusable(problems)


def _statements(
    file: BinaryIO, slug: str, mapping: Mapping[str, object] | None, now: datetime
) -> Iterator[Statement]:
    """Return the reader's statements. Each reader's library is loaded only when it is needed."""
    # ruff: noqa: PLC0415
    if slug == "ofx":
        from dashtam.statements.ofx import ofx

        return ofx.read(file, now)
    if slug == "mt940":
        from dashtam.statements import mt940

        return mt940.read(file, now)
    if slug == "camt053":
        from dashtam.statements import camt

        return camt.read(file, now)
    if slug == "balance_csv":
        from dashtam.statements.csv import balance_csv

        return balance_csv.read(file, now, mapping)
    fault = FieldError("/format", "unknown_format", "This format is not known.")
    raise UnreadableFile(_UNKNOWN, (fault,))


def _unusable(problems: list[RowError]) -> UnreadableFile:
    if not problems:
        return UnreadableFile("There is no balance in this file.")
    field_errors = tuple(
        FieldError(
            "/file",
            problem.code,
            problem.detail if problem.line is None else f"Line {problem.line}: {problem.detail}",
        )
        for problem in problems
    )
    return UnreadableFile(
        f"No balance in this file can be used. {field_errors[0].detail}", field_errors
    )
