"""Imports on the wire: a statement file comes in, what became of it goes out."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import SentFile
from dashtam.application.imports.import_result import AccountImport, Import
from dashtam.application.ports import FileFormat
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import FieldError, Unprocessable
from dashtam.domain.statement import RowError
from dashtam.presentation.http.request_context import RequestContext, Response, Upload
from dashtam.presentation.schemas.base import CurrencyCode, Shape

FORM: Final = {
    "file": "The statement file.",
    "format": "Its format, when its content should not decide; see `GET /imports/formats`.",
    "mapping": "How the columns of a CSV file are to be read, as a JSON object.",
    "account_id": "The account to record into, for a file of one account.",
    "connection_id": "The connection under which accounts are found or made.",
    "dry_run": "`true` tells what would be recorded, and records nothing.",
}

_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

Line = Annotated[int | None, Meta(description="Counted from 1; null where it is not one line.")]


class ImportProblem(Shape):
    """A line that could not be used, and why; never what stood there."""

    line: Line
    code: str
    detail: str


class ImportedAccount(Shape):
    """What the import did to one account; `account_id` is null for a new one in a dry run."""

    account_id: UUID | None
    name: str
    currency: CurrencyCode
    is_new: bool
    recorded: int
    skipped: int
    refused: int
    problems: list[ImportProblem]


class ImportShape(Shape):
    """What an import did; `id` is the run's, null in a dry run."""

    id: UUID | None
    format: str
    dry_run: bool
    recorded: int
    skipped: int
    refused: int
    accounts: list[ImportedAccount]


class FormatShape(Shape):
    """A format of statement files that is understood."""

    slug: str
    name: str
    extensions: list[str]
    description: str


class FormatList(Shape):
    """Every format that is understood."""

    formats: list[FormatShape]
    total_count: int


def import_file(context: RequestContext) -> Response:
    """Import a statement file.

    OFX or QFX, MT940, camt.053 or a CSV of balances, told apart by content. All that can be used
    is recorded in one transaction, and each line that cannot is told with its reason; known
    readings are skipped. Accounts are found again by their identity and made on first sight.
    """
    upload: Upload = context.request.body
    form = _Form(upload.texts)
    account_id, connection_id = form.id("account_id"), form.id("connection_id")
    sent = SentFile(
        user_id=context.user_id,
        file=upload.file,
        file_format=form.text("format"),
        mapping=form.mapping(),
        account_id=None if account_id is None else AccountId(account_id),
        connection_id=None if connection_id is None else ConnectionId(connection_id),
        is_dry=form.is_dry,
        address=context.request.address,
    )

    def keep(work: UnitOfWork, done: Import) -> None:
        context.keep(work, _answer(done, is_dry=form.is_dry))

    return _answer(file_import.import_file(context.services, sent, keep), is_dry=form.is_dry)


def list_import_formats(context: RequestContext) -> Response:
    """List import formats.

    What `POST /imports` understands.
    """
    formats = [_format_shape(known) for known in context.services.statement_files.formats()]
    return Response(FormatList(formats=formats, total_count=len(formats)))


class _Form:
    """The texts beside the file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        unknown = sorted(set(texts) - set(FORM))
        if unknown:
            detail = f"This form has no field {unknown[0]!r}."
            raise Unprocessable(detail, (FieldError(f"/{unknown[0]}", "unknown_field", detail),))
        self.is_dry = self._boolean("dry_run")

    def text(self, name: str) -> str | None:
        """Return a field, None where it is empty or not there."""
        return self._texts.get(name) or None

    def mapping(self) -> dict[str, Any]:
        """Return how columns are to be read."""
        try:
            return msgspec.json.decode(self.text("mapping") or "{}", type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            detail = "The mapping is a JSON object."
            raise Unprocessable(detail, (FieldError("/mapping", "invalid", detail),)) from None

    def id(self, name: str) -> UUID | None:
        """Return a field that is an id."""
        try:
            return msgspec.convert(self.text(name), UUID | None)
        except msgspec.ValidationError:
            detail = "An id is a UUID."
            raise Unprocessable(detail, (FieldError(f"/{name}", "invalid", detail),)) from None

    def _boolean(self, name: str) -> bool:
        text = self.text(name) or "false"
        if text not in _BOOLEANS:
            detail = "Write true or false."
            raise Unprocessable(detail, (FieldError(f"/{name}", "invalid", detail),))
        return _BOOLEANS[text]


def _answer(done: Import, *, is_dry: bool) -> Response:
    location = {} if is_dry else {"Location": f"/api/v1/syncs/{done.sync_id}"}
    return Response(import_shape(done, is_dry=is_dry), headers=location)


def import_shape(done: Import, *, is_dry: bool) -> ImportShape:
    """Return what an import did as it is sent."""
    return ImportShape(
        id=None if is_dry else done.sync_id,
        format=done.file_format,
        dry_run=is_dry,
        recorded=done.recorded,
        skipped=done.skipped,
        refused=done.refused,
        accounts=[_account_shape(account, is_dry=is_dry) for account in done.accounts],
    )


def _account_shape(done: AccountImport, *, is_dry: bool) -> ImportedAccount:
    return ImportedAccount(
        account_id=None if is_dry and done.is_new else done.account.id,
        name=done.account.name,
        currency=done.account.currency.code,
        is_new=done.is_new,
        recorded=done.recorded,
        skipped=done.skipped,
        refused=done.refused,
        problems=[_problem_shape(problem) for problem in done.problems],
    )


def _problem_shape(problem: RowError) -> ImportProblem:
    return ImportProblem(line=problem.line, code=problem.code, detail=problem.detail)


def _format_shape(known: FileFormat) -> FormatShape:
    return FormatShape(
        slug=known.slug,
        name=known.name,
        extensions=list(known.extensions),
        description=known.description,
    )
