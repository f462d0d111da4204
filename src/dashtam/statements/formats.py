"""The formats of statement files, and the detection of a file's format."""

# ruff: noqa: PLC0415 - each reader's library is loaded only for its own files

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import BinaryIO

from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.errors import FieldError, UnknownFormat, UnreadableFile
from dashtam.domain.statement import FileFormat, RowError, Statement
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
    FileFormat(
        "workbook",
        "XLSX, XLS, ODS",
        (".xlsx", ".xls", ".ods"),
        "Spreadsheets with dates and balances in columns, read like CSV.",
    ),
    FileFormat(
        "coda",
        "CODA",
        (".cod", ".coda"),
        "The coded statements of Belgian banks; each new balance is recorded.",
    ),
    FileFormat(
        "norma43",
        "Norma 43",
        (".n43", ".aeb43"),
        "The statements of Spanish banks; each final balance is recorded.",
    ),
    FileFormat(
        "cfonb120",
        "CFONB 120",
        (".cfonb", ".afb120"),
        "The statements of French banks; each new balance is recorded.",
    ),
    FileFormat(
        "bai2",
        "BAI2",
        (".bai", ".bai2"),
        "The balance reports of North American banks; closing ledger balances are recorded.",
    ),
    FileFormat(
        "qif",
        "QIF",
        (".qif",),
        "Accounts of Quicken that state a balance with its day; transactions alone are refused.",
    ),
)

# The signatures of files that people try, and that hold no statement.
_OTHERS = (
    (re.compile(rb"%PDF-"), "This is a PDF: ask the bank for OFX, MT940, camt.053 or CSV."),
    (re.compile(rb"\x1f\x8b"), "This file is compressed: unpack it first."),
    (
        re.compile(rb"SQLite format 3"),
        "This is a program's own database or backup: export a CSV of balances, or OFX, from it.",
    ),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "This is a web page, not a statement."),
)
_UNKNOWN = (
    "The format of this file is not known: OFX, QFX, MT940, camt.053, CODA, Norma 43, CFONB 120,"
    " BAI2, QIF, CSV, XLSX, XLS, ODS and ZIP are understood."
)
_SIGNATURES = {
    "ofx": re.compile(r"<OFX[\s>]|OFXHEADER", re.IGNORECASE),
    "camt053": re.compile(
        r":camt\.05[234]\.|<([A-Za-z0-9]+:)?BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)[\s>]"
    ),
    "mt940": re.compile(r"(?:^|\n|\r|\{4:|@@)[\x01 ]?:(?:20|25P?|28C?|6[0124][FM]?|86):"),
    "coda": re.compile(r"\A\s*00000[0-9]{6}[0-9 ]{3}05"),
    "norma43": re.compile(r"\A\s*11[0-9]{18}[0-9]{12}[12][0-9]{17}[123]"),
    "cfonb120": re.compile(r"\A\s*01[0-9]{5}.{4}[0-9]{5}[A-Z]{3}[0-9]"),
    "bai2": re.compile(r"\A\s*01,[^,\n]*,[^,\n]*,[0-9]{6},"),
    "qif": re.compile(r"\A\W*!(Type|Account|Option|Clear)", re.IGNORECASE),
}
# Each reader's library is loaded only for its own files.
_READERS = {
    "ofx": "dashtam.statements.ofx.ofx",
    "mt940": "dashtam.statements.mt940",
    "camt053": "dashtam.statements.camt",
    "coda": "dashtam.statements.fixed.coda",
    "norma43": "dashtam.statements.fixed.norma43",
    "cfonb120": "dashtam.statements.fixed.cfonb120",
    "bai2": "dashtam.statements.fixed.bai2",
    "qif": "dashtam.statements.qif",
}
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_WORKBOOKS = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.opendocument", b"xl/")


def detect(file: BinaryIO) -> str:
    """Return the slug of the file's format, by its content alone.

    Raises:
        UnknownFormat: it is empty, or none of ``FORMATS``.
        UnreadableFile: it is an archive that breaks a limit.
    """
    head = read_head(file)
    text = decode_document(head)
    if not text.strip("\ufeff\0 \t\r\n"):
        raise UnknownFormat(detail="This file is empty.")
    for pattern, detail in _OTHERS:
        if pattern.match(head):
            raise UnknownFormat(detail)
    if _is_archive(file):
        return _detect_inside(file)
    if head.startswith((_OLE, _ZIP)):
        return "workbook"
    for slug, signature in _SIGNATURES.items():
        if signature.search(text):
            return slug
    from dashtam.statements.csv.layout import is_table

    if text.lstrip().startswith("<") or "\0" in text or not is_table(text):
        raise UnknownFormat(_UNKNOWN)
    return "balance_csv"


def _is_archive(file: BinaryIO) -> bool:
    head = read_head(file)
    return head.startswith(_ZIP) and not any(part in head[:4096] for part in _WORKBOOKS)


def _detect_inside(file: BinaryIO) -> str:
    """Return the format of the archive's first statement file.

    Raises:
        UnknownFormat: there is none.
        UnreadableFile: the archive breaks a limit.
    """
    from dashtam.statements.archive import iter_files

    for _, inside in iter_files(file):
        if _is_archive(inside):
            continue
        with suppress(UnreadableFile):
            return detect(inside)
    raise UnknownFormat(detail="There is no statement file in this archive.")


def _read_inside(
    file: BinaryIO, mapping: Mapping[str, object] | None, now: datetime, *, is_preview: bool
) -> Iterator[Statement]:
    """Yield the statements of every file in the archive; each that cannot be used is a problem."""
    from dashtam.statements.archive import iter_files

    for number, inside in iter_files(file):
        try:
            if not _is_archive(inside):
                yield from read(
                    inside, format=None, mapping=mapping, now=now, is_preview=is_preview
                )
                continue
            reason = "It is an archive too: unpack it first."
        except UnreadableFile as error:
            reason = str(error)
        identity = Identity("zip", "ZIP", "", "Archive", parsing.NO_CURRENCY)
        problem = RowError(None, "unreadable_file", f"File {number} of the archive: {reason}")
        yield Statement(identity, (), None, [problem])


def read(
    file: BinaryIO,
    *,
    format: str | None,  # noqa: A002 - the contract's name
    mapping: Mapping[str, object] | None,
    now: datetime,
    is_preview: bool = False,
) -> Iterator[Statement]:
    """Yield the statements of the file, account by account, at most 1,000 readings at a time.

    Several statements may have one identity. A statement with an unknown currency has ISO 4217's
    ``XXX``, problems, and no readings. ``format`` None means: detect it.

    Raises:
        UnreadableFile: nothing in it can be used; raised at the end where only that shows it.
        MappingNeeded: it is a table that needs a mapping, or another one.
    """
    slug = format or detect(file)
    if _is_archive(file):
        statements = _read_inside(file, mapping, now, is_preview=is_preview)
    elif slug == "balance_csv":
        from dashtam.statements.csv import balance_csv

        statements = balance_csv.read(file, now, mapping, is_preview=is_preview)
    elif slug == "workbook":
        from dashtam.statements import workbook

        statements = workbook.read(file, now, mapping, is_preview=is_preview)
    elif slug in _READERS:
        reader = import_module(_READERS[slug])
        statements = reader.read(file, now, Missing.of_mapping(mapping))
    else:
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
