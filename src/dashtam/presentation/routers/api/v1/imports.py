"""Imports on the wire: a statement file, and the result of its import."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import AccountImport, Import, SentFile
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId, AccountType, BalanceSign
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import FieldError, Unprocessable, pointer_to
from dashtam.domain.mapping_proposal import Certainty, MappingProposal
from dashtam.domain.money import Money
from dashtam.domain.statement import Reading
from dashtam.presentation.http.request_context import RequestContext, Response, Upload
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Form, Instant, Shape

T = TypeVar("T")


def _field(description: str, kind: str = "string", **schema: object) -> dict[str, Any]:
    return {"type": kind} | schema | {"description": description}


FORM: Final = Form(
    {
        "file": _field("The statement file.", contentMediaType="application/octet-stream"),
        "format": _field(
            "Its format, where its content should not decide; see `GET /imports/formats`."
        ),
        "mapping": _field(
            "The meaning of a table's columns, as a JSON object.",
            contentMediaType="application/json",
        ),
        "account_id": _field(
            "The account to record into, for a file of one account.", format="uuid"
        ),
        "connection_id": _field(
            "The connection under which accounts are found or made.", format="uuid"
        ),
        "dry_run": _field(
            "`true` shows the result of the import, and records nothing.", "boolean", default=False
        ),
    },
    example={
        "file": "Date,Balance,Account\n2025-01-15,20000.00,Brokerage\n",
        "account_id": examples.ACCOUNT_ID,
    },
)

_ROW_LENGTH: Final = 500
_parse_uuid: Final = partial(msgspec.convert, type=UUID)
_parse_object: Final = partial(msgspec.json.decode, type=dict[str, Any])
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

Line = Annotated[int | None, Meta(description="Counted from 1; null where it is not one line.")]


MAPPING_EXAMPLE: Final = {
    "shape": "5f2b6c0c1f0e4f6e8a7f2f1d3c4b5a69788796a5b4c3d2e1f00112233445566f",
    "delimiter": ",",
    "columns": ["Date", "Balance", "Account"],
    "first_rows": [{"line": 1, "cells": ["Date", "Balance", "Account"]}],
    "parts": [
        {
            "name": "date",
            "proposed": "Date",
            "certainty": "sure",
            "choices": ["Balance", "Account"],
            "question": None,
        }
    ],
    "example_mapping": {"date": "Date", "balance": "Balance"},
}


class ImportProblem(Shape):
    """A line, and the reason why it is listed, without the line's content."""

    line: Line
    code: str
    detail: str


class PreviewPoint(Shape):
    """One balance of a file, as the account would show it."""

    captured_at: Instant
    balance: AmountText


class PreviewRow(Shape):
    """A row of the file, its cells joined by `text`'s own delimiter."""

    line: int
    text: str


class PreviewReading(PreviewPoint):
    """A balance beside the row of the file that reports it, null where the file has no rows."""

    row: PreviewRow | None


class PreviewShape(Shape):
    """The balances of one account in a file: the extremes, some points of the line, the last five.

    `points` has at most 204 of them, in order of time.
    """

    first_on: date
    last_on: date
    first: AmountText
    last: AmountText
    lowest: AmountText
    highest: AmountText
    points: list[PreviewPoint]
    latest: list[PreviewReading]

    example: ClassVar = {
        "first_on": "2025-01-15",
        "last_on": "2025-01-16",
        "first": "20000.00",
        "last": "20100.00",
        "lowest": "20000.00",
        "highest": "20100.00",
        "points": [
            {"captured_at": "2025-01-15T12:00:00Z", "balance": "20000.00"},
            {"captured_at": "2025-01-16T12:00:00Z", "balance": "20100.00"},
        ],
        "latest": [
            {
                "captured_at": "2025-01-16T12:00:00Z",
                "balance": "20100.00",
                "row": {"line": 3, "text": "2025-01-16,20100.00,Brokerage"},
            }
        ],
    }


class ImportedAccount(Shape):
    """The result for one account; `account_id` is null for a new one in a dry run.

    `problems` lists the lines that could not be used, `remarks` those that are used and do not
    report a closing booked balance. `key` names the account in `accounts` of a mapping, which
    sets the name, the institution, the type and the sign of a new account. The certainties are
    those of the proposed type and sign. `preview` is null once the import is recorded.
    """

    account_id: UUID | None
    key: str
    name: str
    institution: str
    account_type: AccountType
    type_certainty: Certainty
    sign: BalanceSign
    sign_certainty: Certainty
    currency: CurrencyCode
    is_new: bool
    recorded: int
    skipped: int
    refused: int
    problems: list[ImportProblem]
    remarks: list[ImportProblem]
    preview: PreviewShape | None = None


class ImportShape(Shape):
    """The result of an import; `id` is the run's, null in a dry run.

    `mapping` tells how a table was read; `profile_id` is that of the remembered mapping.
    """

    id: UUID | None
    format: str
    dry_run: bool
    recorded: int
    skipped: int
    refused: int
    accounts: list[ImportedAccount]
    mapping: MappingProposal | None
    profile_id: UUID | None

    example: ClassVar = {
        "id": examples.SYNC_ID,
        "format": "balance_csv",
        "dry_run": False,
        "recorded": 2,
        "skipped": 0,
        "refused": 1,
        "accounts": [
            {
                "account_id": examples.ACCOUNT_ID,
                "key": "Brokerage",
                "name": "Brokerage",
                "institution": "Balance file",
                "account_type": "brokerage",
                "type_certainty": "likely",
                "sign": 1,
                "sign_certainty": "likely",
                "currency": "USD",
                "is_new": False,
                "recorded": 2,
                "skipped": 0,
                "refused": 1,
                "problems": [
                    {"line": 4, "code": "invalid_amount", "detail": "This is not an amount."}
                ],
                "remarks": [],
                "preview": None,
            }
        ],
        "mapping": MAPPING_EXAMPLE,
        "profile_id": None,
    }


class FormatShape(Shape):
    """A format of statement files that can be imported."""

    slug: str
    name: str
    extensions: list[str]
    description: str


class FormatList(Shape):
    """Every format that can be imported."""

    formats: list[FormatShape]
    total_count: int

    example: ClassVar = {
        "formats": [
            {
                "slug": "ofx",
                "name": "OFX / QFX",
                "extensions": [".ofx", ".qfx"],
                "description": "Downloads for Quicken or Money from banks, cards and brokers,"
                " positions included.",
            }
        ],
        "total_count": 1,
    }


def import_file(context: RequestContext) -> Response[ImportShape]:
    """Import a statement file.

    OFX or QFX, MT940, camt.053, a table of balances (CSV, XLSX, XLS, ODS), CODA, Norma 43,
    CFONB 120, BAI2, QIF, or a ZIP of them, recognised by content. Every line that can be used is
    recorded, all of them or none, and every other is listed with its reason; known readings are
    skipped. A long file counts once all of it is recorded; until then its run is `running`.
    Accounts are found again by their identity and made on first sight.
    """
    upload: Upload = context.request.body
    unknown = sorted(set(upload.texts) - set(FORM.fields))
    if unknown:
        detail = f"This form has no field {unknown[0]!r}."
        raise _form_error(unknown[0], "unknown_field", detail)

    def field(name: str, parse: Callable[[str], T], rule: str) -> T | None:
        text = upload.texts.get(name)
        try:
            return parse(text) if text else None
        except (msgspec.DecodeError, KeyError, RecursionError):
            raise _form_error(name, "invalid", rule) from None

    is_dry = field("dry_run", _BOOLEANS.__getitem__, "Write true or false.") or False
    account_id = field("account_id", _parse_uuid, "An id is a UUID.")
    connection_id = field("connection_id", _parse_uuid, "An id is a UUID.")
    mapping = field("mapping", _parse_object, "The mapping is a JSON object.")
    sent = SentFile(
        user_id=context.user_id,
        file=upload.file,
        file_name=upload.file_name,
        file_format=upload.texts.get("format") or None,
        mapping=mapping or {},
        account_id=account_id and AccountId(account_id),
        connection_id=connection_id and ConnectionId(connection_id),
        is_dry=is_dry,
        address=context.request.address,
    )

    def respond(done: Import) -> Response[ImportShape]:
        location = None if is_dry else f"/syncs/{done.sync_id}"
        return Response(import_shape(done, is_dry=is_dry), location=location)

    def store(work: UnitOfWork, done: Import) -> None:
        context.store_response(work, respond(done))

    return respond(file_import.import_file(context.services, sent, store))


def _form_error(name: str, code: str, detail: str) -> Unprocessable:
    return Unprocessable(detail, (FieldError(pointer_to(name), code, detail),))


def list_import_formats(context: RequestContext) -> Response[FormatList]:
    """List import formats.

    The formats that `POST /imports` takes.
    """
    known = context.services.statement_files.formats()
    formats = [FormatShape.of(file_format) for file_format in known]
    return Response(FormatList(formats, len(formats)))


def import_shape(done: Import, *, is_dry: bool) -> ImportShape:
    """Return the result of an import as it is sent."""
    accounts = [
        ImportedAccount.of(
            one,
            account_id=None if is_dry and one.is_new else one.account.id,
            name=one.account.name,
            institution=one.account.institution,
            account_type=one.account.account_type,
            type_certainty=one.proposal.type_certainty if one.proposal else Certainty.SURE,
            sign=one.account.balance_sign,
            sign_certainty=one.proposal.sign_certainty if one.proposal else Certainty.SURE,
            currency=one.account.currency.code,
            preview=_preview_shape(one, done) if is_dry else None,
        )
        for one in done.accounts
    ]
    sync_id = None if is_dry else done.sync_id
    return ImportShape.of(
        done,
        id=sync_id,
        format=done.file_format,
        dry_run=is_dry,
        accounts=accounts,
        mapping=done.table,
        profile_id=done.profile.id if done.profile else None,
    )


def _preview_shape(one: AccountImport, done: Import) -> PreviewShape | None:
    preview, currency = one.preview, one.account.currency
    first, last, lowest, highest = preview.first, preview.last, preview.lowest, preview.highest
    if first is None or last is None or lowest is None or highest is None:
        return None
    delimiter = (done.table.delimiter if done.table else "") or " | "
    rows = {
        row.line: PreviewRow(row.line, delimiter.join(row.cells)[:_ROW_LENGTH])
        for row in preview.rows
    }

    def text(reading: Reading) -> str:
        return str(Money(reading.balance, currency))

    return PreviewShape(
        first_on=first.captured_at.date(),
        last_on=last.captured_at.date(),
        first=text(first),
        last=text(last),
        lowest=text(lowest),
        highest=text(highest),
        points=[PreviewPoint(one.captured_at, text(one)) for one in preview.points],
        latest=[
            PreviewReading(one.captured_at, text(one), rows.get(one.line or 0))
            for one in preview.latest
        ],
    )
