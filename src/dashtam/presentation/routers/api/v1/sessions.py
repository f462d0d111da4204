"""Sessions on the wire: signing in, looking where one is signed in, signing out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.application import sessions
from dashtam.domain.user import Principal, Session, SessionId
from dashtam.presentation.call import NO_CONTENT, Answer, Call
from dashtam.presentation.parameters import path_id, write_cursor
from dashtam.presentation.token_pairs import ended_cookie, pair_headers, pair_shape
from dashtam.presentation.wire import Input, Shape

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


def create_session(call: Call) -> Answer:
    """Sign in.

    With `cookie: true` the refresh token comes as a cookie that only `POST /tokens` is sent.
    """
    body = call.body(SignIn)
    user_agent = call.request.headers.get("user-agent", "")
    pair = sessions.sign_in(call.world, body.email, body.password, call.request.address, user_agent)
    return Answer(
        pair_shape(pair, in_cookie=body.cookie),
        headers=pair_headers(pair, call.world.rules, in_cookie=body.cookie),
    )


def list_sessions(call: Call) -> Answer:
    """List sessions.

    Where the user is signed in, newest first.
    """
    found = sessions.of_user(call.work, call.principal, call.page())
    return Answer(
        SessionList(
            sessions=[_shape(session, call.principal) for session in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def delete_session(call: Call) -> Answer:
    """End a session.

    Its tokens are refused from now on.
    """
    session_id = SessionId(call.value(SESSION_ID))
    sessions.revoke(call.work, call.principal, session_id)
    return NO_CONTENT


def delete_current_session(call: Call) -> Answer:
    """Sign out."""
    sessions.sign_out(call.work, call.principal)
    return Answer(status=204, headers=ended_cookie(call.world.rules))


def _shape(session: Session, principal: Principal) -> SessionShape:
    return SessionShape(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        address=session.address,
        user_agent=session.user_agent,
        is_current=session.id == principal.session_id,
    )
