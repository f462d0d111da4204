"""Users on the wire: registration, and the signed-in user."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from dashtam.application.people import users
from dashtam.domain.errors import FieldError, Unprocessable
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import Input, Instant, Shape

Password = Annotated[
    str,
    Meta(
        description="12 to 256 characters, and not one that is easy to guess.",
        examples=[examples.PASSWORD],
    ),
]


class Registration(Input):
    """A new user; the first user of a server that others can reach sends its setup code."""

    email: Annotated[str, Meta(examples=["ann@example.org"])]
    password: Password
    setup_code: str | None = None
    example: ClassVar = {"email": "ann@example.org", "password": examples.PASSWORD}


TimeZone = Annotated[
    str,
    Meta(
        description="The IANA name of the zone of the user's days; null is UTC.",
        max_length=64,
        examples=["Europe/Berlin"],
    ),
]


class UserPatch(Input):
    """Changes of the signed-in user (a merge patch); a new password goes with the present one."""

    password: str | UnsetType = UNSET
    new_password: Password | UnsetType = UNSET
    time_zone: TimeZone | UnsetType | None = UNSET

    example: ClassVar = {
        "password": examples.PASSWORD,
        "new_password": "seven lamps and a slow canoe",
        "time_zone": "Europe/Berlin",
    }


class RegistrationState(Shape):
    """Whether registration is open; `needs_setup_code` where the first user needs that code."""

    is_open: bool
    has_users: bool
    needs_setup_code: bool
    example: ClassVar = {"is_open": False, "has_users": True, "needs_setup_code": False}


class UserShape(Shape):
    """Someone who keeps accounts here."""

    id: UUID
    email: str
    created_at: Instant
    time_zone: TimeZone | None

    example: ClassVar = {
        "id": "3b7e1f64-90ad-4b0c-8d15-5a2c6e7f8091",
        "email": "ann@example.org",
        "created_at": examples.CREATED_AT,
        "time_zone": "Europe/Berlin",
    }


def create_user(context: RequestContext) -> Response[UserShape]:
    """Register.

    By default for the first user alone; the operator decides.
    """
    body = context.body(Registration)
    user = users.register(
        context.services,
        body.email,
        body.password,
        setup_code=body.setup_code,
        needs_setup_code=_is_reachable(context),
        address=context.request.address,
    )
    return Response(UserShape.of(user))


def get_registration(context: RequestContext) -> Response[RegistrationState]:
    """Get who may register.

    For a first page: whether a user exists, whether registration is still open, and whether it
    needs the setup code that the server printed.
    """
    state = users.load_registration_rules(context.services, needs_setup_code=_is_reachable(context))
    return Response(RegistrationState.of(state))


def get_user(context: RequestContext) -> Response[UserShape]:
    """Get the signed-in user."""
    return Response(UserShape.of(users.load(context.work, context.user_id)))


def change_user(context: RequestContext) -> Response[UserShape]:
    """Change the password or the time zone.

    With a new password every other session of the user ends. The time zone is the default of `tz`,
    and decides the day that is today.
    """
    body = context.body(UserPatch)
    services, address = context.services, context.request.address
    for name, other in (("password", body.new_password), ("new_password", body.password)):
        if getattr(body, name) is UNSET and other is not UNSET:
            detail = "A new password goes with the present one."
            raise Unprocessable(detail, (FieldError(f"/{name}", "required", detail),))
    with services.database.write(address) as work:
        user = users.load(work, context.user_id)
        if body.time_zone is not UNSET:
            user = users.set_time_zone(work, user.id, body.time_zone)
    if body.password is not UNSET and body.new_password is not UNSET:
        user = users.change_password(
            services, context.principal, body.password, body.new_password, address
        )
    return Response(UserShape.of(user))


def _is_reachable(context: RequestContext) -> bool:
    """Tell whether others may reach this server."""
    # A proxy on this machine makes every client look local, so the headers of one count too.
    headers = context.request.headers
    is_proxied = "x-forwarded-for" in headers or "forwarded" in headers
    return is_proxied or not context.services.options.is_local
