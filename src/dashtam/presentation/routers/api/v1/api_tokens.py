"""Long-lived, read-only tokens on the wire."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from dashtam.application.people import api_tokens
from dashtam.domain.user import ApiTokenId
from dashtam.presentation.http.parameters import path_id
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, Name, PageShape, Shape

ACCESS_TOKEN_ID = path_id(ApiTokenId, "Access token unique identifier.")


class NewAccessToken(Input):
    """The token's name, and the days for which it is valid (left out: until revoked)."""

    name: Name
    expires_in_days: Annotated[
        int | None, Meta(description="1 to 3650 days; without it the token is valid until revoked.")
    ] = None
    example: ClassVar = {"name": "Spreadsheet", "expires_in_days": 365}


class AccessTokenShape(Shape):
    """A token by its name."""

    id: UUID
    name: str
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None

    example: ClassVar = {
        "id": "e41c0b7a-5d92-4a3e-b6f8-1c9d2e3f4a5b",
        "name": "Spreadsheet",
        "created_at": examples.CREATED_AT,
        "expires_at": "2026-01-15T10:00:00Z",
        "last_used_at": None,
    }


class CreatedAccessToken(AccessTokenShape):
    """A new token with its text, which is shown this once."""

    token: str
    example: ClassVar = AccessTokenShape.example | {"token": "dta_…"}


class AccessTokenList(PageShape):
    """A page of tokens, newest first."""

    access_tokens: list[AccessTokenShape]


def create_access_token(context: RequestContext) -> Response[CreatedAccessToken]:
    """Create a read-only token.

    For scripts and dashboards. Its text is shown in this answer and never again.
    """
    body = context.body(NewAccessToken)
    token, text = api_tokens.create(
        context.work, context.services.secrets, context.user_id, body.name, body.expires_in_days
    )
    return Response(CreatedAccessToken.of(token, token=text))


def list_access_tokens(context: RequestContext) -> Response[AccessTokenList]:
    """List read-only tokens.

    Those that are valid, newest first.
    """
    found = api_tokens.list_for_user(context.work, context.user_id, context.page())
    return Response.of_page(AccessTokenList, found, AccessTokenShape.of)


def delete_access_token(context: RequestContext) -> Response[None]:
    """Revoke a read-only token."""
    api_tokens.revoke(context.work, context.user_id, context.value(ACCESS_TOKEN_ID))
    return NO_CONTENT
