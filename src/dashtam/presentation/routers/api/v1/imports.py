"""Imports on the wire: a statement file, and the result of its import."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Import, SentFile
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import FieldError, Unprocessable, pointer_to
from dashtam.presentation.http.request_context import RequestContext, Response, Upload
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import CurrencyCode, Form, Shape

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

_parse_uuid: Final = partial(msgspec.convert, type=UUID)
_parse_object: Final = partial(msgspec.json.decode, type=dict[str, Any])
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

Line = Annotated[int | None, Meta(description="Counted from 1; null where it is not one line.")]


class ImportProblem(Shape):
    """A line, and the reason why it is listed, without the line's content."""

    line: Line
    code: str
    detail: str


class ImportedAccount(Shape):
    """The result for one account; `account_id` is null for a new one in a dry run.

    `problems` lists the lines that could not be used, `remarks` those that are used and do not
    report a closing booked balance.
    """

    account_id: UUID | None
    name: str
    currency: CurrencyCode
    is_new: bool
    recorded: int
    skipped: int
    refused: int
    problems: list[ImportProblem]
    remarks: list[ImportProblem]


class ImportShape(Shape):
    """The result of an import; `id` is the run's, null in a dry run."""

    id: UUID | None
    format: str
    dry_run: bool
    recorded: int
    skipped: int
    refused: int
    accounts: list[ImportedAccount]

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
                "name": "Brokerage",
                "currency": "USD",
                "is_new": False,
                "recorded": 2,
                "skipped": 0,
                "refused": 1,
                "problems": [
                    {"line": 4, "code": "invalid_amount", "detail": "This is not an amount."}
                ],
                "remarks": [],
            }
        ],
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
            currency=one.account.currency.code,
        )
        for one in done.accounts
    ]
    sync_id = None if is_dry else done.sync_id
    return ImportShape.of(
        done, id=sync_id, format=done.file_format, dry_run=is_dry, accounts=accounts
    )
