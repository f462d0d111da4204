"""Import profiles on the wire: mappings that are remembered by the shape of their tables."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from dashtam.application.imports import import_profiles
from dashtam.domain.import_profile import ImportProfileId
from dashtam.presentation.http.parameters import path_id
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, PageShape, Shape

IMPORT_PROFILE_ID = path_id(ImportProfileId, "Import profile unique identifier.")

_EXAMPLE_ID = "7d0f1f3a-2f59-4a51-9a3e-0d6a3f0c9b11"


class NewImportProfile(Input):
    """A mapping, and the header and the delimiter of the tables for which it is used."""

    delimiter: Literal["", ",", ";", "\t", "|"]
    columns: Annotated[
        list[Annotated[str, Meta(max_length=200)]], Meta(min_length=1, max_length=500)
    ]
    mapping: dict[str, Any]

    example: ClassVar = {
        "delimiter": ";",
        "columns": ["Buchungstag", "Saldo"],
        "mapping": {"account_name": "Girokonto", "currency_code": "EUR"},
    }


class ImportProfileShape(Shape):
    """A remembered mapping; `file_name` is that of the import that confirmed it."""

    id: UUID
    shape: str
    delimiter: str
    columns: Sequence[str]
    mapping: dict[str, Any]
    file_name: str | None
    created_at: Instant
    updated_at: Instant
    last_used_at: Instant | None

    example: ClassVar = {
        "id": _EXAMPLE_ID,
        "shape": "5f2b6c0c1f0e4f6e8a7f2f1d3c4b5a69788796a5b4c3d2e1f00112233445566f",
        "delimiter": ";",
        "columns": ["Buchungstag", "Saldo"],
        "mapping": {"account_name": "Girokonto", "currency_code": "EUR"},
        "file_name": "umsaetze.csv",
        "created_at": examples.CREATED_AT,
        "updated_at": examples.CREATED_AT,
        "last_used_at": None,
    }


class ImportProfileList(PageShape):
    """A page of profiles, newest first."""

    import_profiles: list[ImportProfileShape]


def create_import_profile(context: RequestContext) -> Response[ImportProfileShape]:
    """Remember a mapping.

    It is used for every table with this header and delimiter, in place of an earlier one. An
    import with a mapping that succeeds stores it too.
    """
    # Only this route needs them in the server's own process.
    from dashtam.statements.csv.mapping import parse_mapping  # noqa: PLC0415
    from dashtam.statements.csv.questions import shape_of  # noqa: PLC0415

    body = context.body(NewImportProfile)
    parse_mapping(body.mapping)
    table = shape_of(body.delimiter, body.columns), body.delimiter, body.columns
    profile = import_profiles.save(context.work, context.user_id, table, body.mapping)
    return Response(ImportProfileShape.of(profile))


def list_import_profiles(context: RequestContext) -> Response[ImportProfileList]:
    """List remembered mappings.

    Newest first.
    """
    found = import_profiles.list_for_user(context.work, context.user_id, context.page())
    return Response.of_page(ImportProfileList, found, ImportProfileShape.of)


def delete_import_profile(context: RequestContext) -> Response[None]:
    """Forget a mapping."""
    import_profiles.delete(context.work, context.user_id, context.value(IMPORT_PROFILE_ID))
    return NO_CONTENT
