"""Users on the wire: registering, and the one who is signed in."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from dashtam.application.people import users
from dashtam.domain.user import User
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas.base import Input, Shape

Password = Annotated[
    str,
    Meta(
        description="12 to 256 characters, and not one that is easy to guess.",
        examples=["a pelican under nine bridges"],
    ),
]


class Registration(Input):
    """Who registers; the first user of a server that others can reach sends its setup code."""

    email: Annotated[str, Meta(examples=["ann@example.org"])]
    password: Password
    setup_code: str | None = None


class PasswordChange(Input):
    """The password that holds, and the one that shall."""

    password: str
    new_password: Password


class RegistrationState(Shape):
    """Who may register; `needs_setup_code` where the first user must prove whose server it is."""

    is_open: bool
    has_users: bool
    needs_setup_code: bool


class UserShape(Shape):
    """Someone who keeps accounts here."""

    id: UUID
    email: str
    created_at: datetime


def create_user(context: RequestContext) -> Response:
    """Register.

    By default for the first user alone; the operator decides.
    """
    body = context.body(Registration)
    user = users.register(
        context.services,
        body.email,
        body.password,
        setup_code=body.setup_code,
        needs_setup_code=_is_within_reach(context),
        address=context.request.address,
    )
    return Response(user_shape(user))


def get_registration(context: RequestContext) -> Response:
    """Get who may register.

    For a page that greets whoever opens it first: whether somebody has registered yet, whether
    anybody still may, and whether that takes the setup code that the server printed.
    """
    state = users.load_registration_rules(
        context.services, needs_setup_code=_is_within_reach(context)
    )
    return Response(
        RegistrationState(
            is_open=state.is_open,
            has_users=state.has_users,
            needs_setup_code=state.needs_setup_code,
        )
    )


def get_user(context: RequestContext) -> Response:
    """Get the signed-in user."""
    return Response(user_shape(users.load(context.work, context.user_id)))


def change_user(context: RequestContext) -> Response:
    """Change the password.

    Every other session of the user ends.
    """
    body = context.body(PasswordChange)
    user = users.change_password(
        context.services,
        context.principal,
        body.password,
        body.new_password,
        context.request.address,
    )
    return Response(user_shape(user))


def _is_within_reach(context: RequestContext) -> bool:
    # A proxy on this machine makes everyone look local, so whatever tells of one counts too.
    headers = context.request.headers
    proxied = "x-forwarded-for" in headers or "forwarded" in headers
    return proxied or not context.services.options.is_local


def user_shape(user: User) -> UserShape:
    """Return a user as they are sent."""
    return UserShape(id=user.id, email=user.email, created_at=user.created_at)
