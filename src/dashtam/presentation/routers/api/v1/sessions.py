"""Sessions on the wire: signing in, refreshing, signing out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.application.people import sessions
from dashtam.domain.errors import Unauthorized
from dashtam.domain.user import Principal, Session, SessionId
from dashtam.presentation.http.parameters import path_id, write_cursor
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas.base import Input, Shape
from dashtam.presentation.schemas.token_pairs import (
    ended_cookie,
    pair_headers,
    pair_shape,
    refresh_cookie,
)

SESSION_ID = path_id("Session unique identifier.")


class SignIn(Input):
    """Who signs in."""

    email: Annotated[str, Meta(examples=["ann@example.org"])]
    password: str
    cookie: Annotated[
        bool, Meta(description="Whether the refresh token is sent as a cookie; for browsers.")
    ] = False


class SessionShape(Shape):
    """One sign-in; `address` and `user_agent` are those of that moment."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    is_current: bool


class SessionList(Shape):
    """A page of sessions, newest first."""

    sessions: list[SessionShape]
    total_count: int
    next_cursor: str | None


def create_session(context: RequestContext) -> Response:
    """Sign in.

    With `cookie: true` the refresh token comes as a cookie that only `POST /tokens` is sent.
    """
    body = context.body(SignIn)
    user_agent = context.request.headers.get("user-agent", "")
    pair = sessions.sign_in(
        context.services, body.email, body.password, context.request.address, user_agent
    )
    return Response(
        pair_shape(pair, in_cookie=body.cookie),
        headers=pair_headers(pair, context.services.options, in_cookie=body.cookie),
    )


def list_sessions(context: RequestContext) -> Response:
    """List sessions.

    Where the user is signed in, newest first.
    """
    found = sessions.list_for_user(context.work, context.principal, context.page())
    return Response(
        SessionList(
            sessions=[_shape(session, context.principal) for session in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def delete_session(context: RequestContext) -> Response:
    """End a session.

    Its tokens are refused from now on.
    """
    session_id = SessionId(context.value(SESSION_ID))
    sessions.revoke(context.work, context.principal, session_id)
    return NO_CONTENT


def delete_current_session(context: RequestContext) -> Response:
    """Sign out."""
    sessions.sign_out(context.work, context.principal)
    return Response(status=204, headers=ended_cookie(context.services.options))


def _shape(session: Session, principal: Principal) -> SessionShape:
    return SessionShape(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        address=session.address,
        user_agent=session.user_agent,
        is_current=session.id == principal.session_id,
    )


class Refresh(Input):
    """The refresh token; it is left out where the cookie holds it."""

    refresh_token: str | None = None


def create_tokens(context: RequestContext) -> Response:
    """Refresh.

    A refresh token is spent by its use. For ten seconds it brings the same successor again, so
    that a lost answer does no harm; after that its reuse ends the session.
    """
    sent = context.body(Refresh).refresh_token
    options, in_cookie = context.services.options, sent is None
    token = refresh_cookie(context.request.headers, options) if sent is None else sent
    if token is None:
        raise Unauthorized
    pair = sessions.refresh(context.services, token, context.request.address)
    return Response(
        pair_shape(pair, in_cookie=in_cookie),
        headers=pair_headers(pair, options, in_cookie=in_cookie),
    )
