"""Sessions on the wire: signing in, refreshing, signing out."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from dashtam.application.people import sessions
from dashtam.application.people.sessions import ACCESS_TOKEN_S, SESSION_LASTS, TokenPair
from dashtam.application.ports import ServiceOptions
from dashtam.domain.errors import Forbidden, Unauthorized
from dashtam.domain.user import SessionId
from dashtam.presentation.http.parameters import path_id
from dashtam.presentation.http.request_context import (
    BASE_PATH,
    NO_CONTENT,
    RequestContext,
    Response,
)
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, PageShape, Shape

SESSION_ID = path_id(SessionId, "Session unique identifier.")

_COOKIE: Final = "dashtam_refresh"


class SignIn(Input):
    """A user's e-mail and password."""

    email: Annotated[str, Meta(examples=["ann@example.org"])]
    password: str
    cookie: Annotated[
        bool, Meta(description="Whether the refresh token is sent as a cookie; for browsers.")
    ] = False
    example: ClassVar = {"email": "ann@example.org", "password": examples.PASSWORD}


class TokenPairShape(Shape):
    """An access token for every request, and a refresh token that brings the next pair."""

    access_token: str
    refresh_token: (
        Annotated[str, Meta(description="Left out where it is sent as a cookie.")] | UnsetType
    ) = UNSET
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - its kind, not the token
    expires_in: Annotated[int, Meta(description="Seconds.")] = ACCESS_TOKEN_S

    example: ClassVar = {
        "access_token": "eyJ…",
        "refresh_token": "dtr_…",
        "token_type": "bearer",
        "expires_in": 900,
    }


class SessionShape(Shape):
    """One sign-in; `address` and `user_agent` are those of that moment."""

    id: UUID
    created_at: Instant
    last_used_at: Instant
    address: str
    user_agent: str
    is_current: bool

    example: ClassVar = {
        "id": "c2a9d4b8-1e6f-4c73-9b02-8f4d5e6a7b90",
        "created_at": examples.CAPTURED_AT,
        "last_used_at": examples.CAPTURED_AT,
        "address": "192.0.2.7",
        "user_agent": "curl/8.14.1",
        "is_current": True,
    }


class SessionList(PageShape):
    """A page of sessions, newest first."""

    sessions: list[SessionShape]


class Refresh(Input):
    """The refresh token; it is left out where the cookie holds it."""

    refresh_token: str | None = None
    example: ClassVar = {"refresh_token": "dtr_…"}


def create_session(context: RequestContext) -> Response[TokenPairShape]:
    """Sign in.

    With `cookie: true` the refresh token comes as a cookie, which is sent to `POST /tokens` alone.
    """
    body = context.body(SignIn)
    user_agent = context.request.headers.get("user-agent", "")
    pair = sessions.sign_in(
        context.services, body.email, body.password, context.request.address, user_agent
    )
    return _pair_response(context, pair, in_cookie=body.cookie)


def list_sessions(context: RequestContext) -> Response[SessionList]:
    """List sessions.

    Every sign-in of the user, newest first.
    """
    found = sessions.list_for_user(context.work, context.principal, context.page())
    current = context.principal.session_id
    return Response.of_page(
        SessionList, found, lambda one: SessionShape.of(one, is_current=one.id == current)
    )


def delete_session(context: RequestContext) -> Response[None]:
    """End a session.

    Its tokens are refused from now on.
    """
    sessions.revoke(context.work, context.principal, context.value(SESSION_ID))
    return NO_CONTENT


def delete_current_session(context: RequestContext) -> Response[None]:
    """Sign out."""
    sessions.sign_out(context.work, context.principal)
    return Response(status=204, headers=_cookie_header(context.services.options, "", lasts_s=0))


def create_tokens(context: RequestContext) -> Response[TokenPairShape]:
    """Refresh.

    A refresh token is spent by its use. For ten seconds it brings the same successor again, so
    that a lost answer does no harm; after that its reuse ends the session.
    """
    token = context.body(Refresh).refresh_token
    in_cookie = token is None
    if token is None:
        token = _read_cookie(context.request.headers, context.services.options)
    if token is None:
        raise Unauthorized
    pair = sessions.refresh(context.services, token, context.request.address)
    return _pair_response(context, pair, in_cookie=in_cookie)


def _pair_response(
    context: RequestContext, pair: TokenPair, *, in_cookie: bool
) -> Response[TokenPairShape]:
    if not in_cookie:
        return Response(TokenPairShape(pair.access_token, pair.refresh_token))
    lasts_s = int(SESSION_LASTS.total_seconds())
    header = _cookie_header(context.services.options, pair.refresh_token, lasts_s)
    return Response(TokenPairShape(pair.access_token), headers=header)


def _cookie_header(options: ServiceOptions, token: str, lasts_s: int) -> dict[str, str]:
    """Return the header that sets the refresh cookie, which no script can read."""
    path = f"{options.base_path}{BASE_PATH}/tokens"
    cookie = f"{_COOKIE}={token}; HttpOnly; SameSite=Strict; Path={path}; Max-Age={lasts_s}"
    return {"Set-Cookie": f"{cookie}; Secure" if options.has_https else cookie}


def _read_cookie(headers: Mapping[str, str], options: ServiceOptions) -> str | None:
    """Return the refresh token of the request's cookie, None where it has none.

    Raises:
        Forbidden: a page of another origin made the browser send it.
    """
    pairs = [cookie.strip().partition("=") for cookie in headers.get("cookie", "").split(";")]
    tokens = [token for name, _, token in pairs if name == _COOKIE and token]
    if not tokens:
        return None
    # The header Host is ours, since browsers send the cookie to its own host alone.
    host = headers.get("host", "")
    origins = {f"http://{host}", f"https://{host}"}
    origins |= {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, options.origins)}
    if headers.get("origin", "") not in origins:
        raise Forbidden(detail="The cookie counts only for requests with our own Origin.")
    return tokens[0]
