"""Long-lived, read-only tokens on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.application.people import api_tokens
from dashtam.domain.user import ApiToken, ApiTokenId
from dashtam.presentation.http.parameters import path_id, write_cursor
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas.base import Input, Name, Shape

ACCESS_TOKEN_ID = path_id("Access token unique identifier.")


class NewAccessToken(Input):
    """What the token is called, and for how many days it is good (left out: until revoked)."""

    name: Name
    expires_in_days: Annotated[
        int | None, Meta(description="1 to 3650 days; without it the token is good until revoked.")
    ] = None


class AccessTokenShape(Shape):
    """A token by its name."""

    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedAccessToken(AccessTokenShape):
    """A new token with its text, which is shown this once."""

    token: str


class AccessTokenList(Shape):
    """A page of tokens, newest first."""

    access_tokens: list[AccessTokenShape]
    total_count: int
    next_cursor: str | None


def create_access_token(context: RequestContext) -> Response:
    """Create a read-only token.

    For scripts and dashboards. Its text is shown in this answer and never again.
    """
    body = context.body(NewAccessToken)
    token, text = api_tokens.create(
        context.work,
        context.services.secrets,
        context.user_id,
        body.name,
        body.expires_in_days,
    )
    return Response(created_shape(token, text))


def list_access_tokens(context: RequestContext) -> Response:
    """List read-only tokens.

    Those that are good, newest first.
    """
    found = api_tokens.list_for_user(context.work, context.user_id, context.page())
    return Response(
        AccessTokenList(
            access_tokens=[access_token_shape(token) for token in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def delete_access_token(context: RequestContext) -> Response:
    """Revoke a read-only token."""
    token_id = ApiTokenId(context.value(ACCESS_TOKEN_ID))
    api_tokens.revoke(context.work, context.user_id, token_id)
    return NO_CONTENT


def access_token_shape(token: ApiToken) -> AccessTokenShape:
    """Return a token as it is sent, without its text."""
    return AccessTokenShape(
        id=token.id,
        name=token.name,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def created_shape(token: ApiToken, text: str) -> CreatedAccessToken:
    """Return a new token as it is sent, with its text."""
    return CreatedAccessToken(
        id=token.id,
        name=token.name,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        token=text,
    )
