"""The formats of statement files, and the detection of a file's format."""

# ruff: noqa: PLC0415 - each reader's library is loaded only for its own files

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from dashtam.domain.errors import FieldError, UnreadableFile
from dashtam.domain.statement import FileFormat, Statement
from dashtam.statements.accounts import Missing
from dashtam.statements.encodings import decode_document, read_head

_MAX_FIELD_ERRORS = 20


FORMATS = (
    FileFormat(
        "ofx",
        "OFX / QFX",
        (".ofx", ".qfx"),
        "Downloads for Quicken or Money from banks, cards and brokers, positions included.",
    ),
    FileFormat(
        "mt940",
        "MT940",
        (".sta", ".mt940", ".940", ".txt"),
        "The end-of-day statements of European banks; each closing balance is recorded.",
    ),
    FileFormat(
        "camt053",
        "camt.053, camt.052",
        (".xml", ".camt053", ".camt052"),
        "The XML that follows MT940 (ISO 20022), with booked and available balances.",
    ),
    FileFormat(
        "balance_csv",
        "Balance history (CSV)",
        (".csv", ".tsv", ".txt"),
        "Dates and balances in columns, as Monarch exports them; a mapping reads any other layout.",
    ),
)

# The signatures of files that people try, and that hold no statement.
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
_CAMT = re.compile(r":camt\.05[234]\.|<([A-Za-z0-9]+:)?BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)[\s>]")
_MT940 = re.compile(r"(?:^|\n|\r|\{4:|@@)[\x01 ]?:(?:20|25P?|28C?|6[0124][FM]?|86):")


def detect(file: BinaryIO) -> str:
    """Return the slug of the file's format, by its content alone.

    Raises:
        UnreadableFile: it is empty, or none of ``FORMATS``.
    """
    head = read_head(file)
    text = decode_document(head)
    if not text.strip("\ufeff\0 \t\r\n"):
        raise UnreadableFile(detail="This file is empty.")
    for pattern, detail in _OTHERS:
        if pattern.match(head):
            raise UnreadableFile(detail)
    for slug, signature in (("ofx", _OFX), ("camt053", _CAMT), ("mt940", _MT940)):
        if signature.search(text):
            return slug
    from dashtam.statements.csv.layout import is_table

    if text.lstrip().startswith("<") or "\0" in text or not is_table(text):
        raise UnreadableFile(_UNKNOWN)
    return "balance_csv"


def read(
    file: BinaryIO,
    *,
    format: str | None,  # noqa: A002 - the contract's name
    mapping: Mapping[str, object] | None,
    now: datetime,
) -> Iterator[Statement]:
    """Yield the statements of the file, account by account, at most 1,000 readings at a time.

    Several statements may have one identity. A statement with an unknown currency has ISO 4217's
    ``XXX``, problems, and no readings. ``format`` None means: detect it.

    Raises:
        UnreadableFile: nothing in it can be used; raised at the end where only that shows it.
        MappingNeeded: it is a table that needs a mapping, or another one.
    """
    missing = Missing.of_mapping(mapping)
    match format or detect(file):
        case "ofx":
            from dashtam.statements.ofx import ofx

            statements = ofx.read(file, now, missing)
        case "mt940":
            from dashtam.statements import mt940

            statements = mt940.read(file, now, missing)
        case "camt053":
            from dashtam.statements import camt

            statements = camt.read(file, now, missing)
        case "balance_csv":
            from dashtam.statements.csv import balance_csv

            statements = balance_csv.read(file, now, mapping)
        case _:
            fault = FieldError("/format", "unknown_format", "This format is not known.")
            raise UnreadableFile(_UNKNOWN, (fault,))
    has_balance = False
    field_errors: list[FieldError] = []
    for statement in statements:
        has_balance = has_balance or bool(statement.readings) or bool(statement.positions)
        shown = statement.problems[: _MAX_FIELD_ERRORS - len(field_errors)]
        field_errors += [problem.to_field_error() for problem in shown]
        yield statement
    if not has_balance:
        detail = "There is no balance in this file."
        if field_errors:
            detail = f"No balance in this file can be used. {field_errors[0].detail}"
        raise UnreadableFile(detail, tuple(field_errors))
