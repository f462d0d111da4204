"""What the words of a command line mean: whose data, which account, from when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final, Generic, TypeVar
from uuid import UUID

import click

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.connection import Connection
from dashtam.domain.errors import DashtamError, NotFound
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import User
from dashtam.presentation.cli.context import Invocation
from dashtam.presentation.http.instants import parse_instant

T = TypeVar("T")

SOURCE: Final = click.Choice([str(source) for source in SnapshotSource])


class InstantParam(click.ParamType[datetime]):
    """An instant as the API reads it; a bare date is ``day_means`` of that day, in UTC."""

    name = "instant"

    def __init__(self, day_means: time) -> None:
        self._day_means = day_means

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_instant(str(value), day_means=self._day_means).astimezone(UTC)
        except DashtamError as refusal:
            self.fail(str(refusal), param, ctx)


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """Something that people call by its name, and programs by its id."""

    id: UUID
    name: str
    thing: T


def chosen_user(invocation: Invocation, work: UnitOfWork) -> User:
    """Return whose data this is about: ``--user``, else the only one there is.

    Raises:
        NotFound: there is no such user, nobody at all, or nobody said which one.
    """
    if invocation.email is not None:
        return user_by_email(work, invocation.email)
    found = work.users.all()
    if not found:
        detail = "Nobody keeps accounts here yet: `dashtam users create EMAIL` adds somebody."
        raise NotFound(detail)
    if len(found) > 1:
        emails = ", ".join(user.email for user in found)
        detail = f"Several people keep accounts here: say whose with --user ({emails})."
        raise NotFound(detail)
    return found[0]


def user_by_email(work: UnitOfWork, email: str) -> User:
    """Return the user with this e-mail.

    Raises:
        NotFound: there is none.
    """
    user = work.users.find_by_email(email)
    if user is None:
        detail = f"Nobody with the e-mail {email} keeps accounts here."
        raise NotFound(detail)
    return user


def chosen_account(work: UnitOfWork, user: User, text: str) -> Account:
    """Return the user's account with this id, or whose name begins like this."""
    found = iterate_all(lambda page: accounts.of_user(work, user.id, page))
    owned = [Named(one.account.id, one.account.name, one.account) for one in found]
    return chosen("account", text, owned)


def chosen_connection(work: UnitOfWork, user: User, text: str) -> Connection:
    """Return the user's connection with this id, or whose name begins like this."""
    found = iterate_all(lambda page: connections.of_user(work, user.id, page))
    return chosen("connection", text, [Named(one.id, one.name, one) for one in found])


def chosen(noun: str, text: str, named: Iterable[Named[T]]) -> T:
    """Return the thing with this id or this name, or the only one whose name begins like this.

    Raises:
        NotFound: there is none, or there are several.
    """
    wanted = text.strip().casefold()
    named = list(named)
    found = (
        [one for one in named if str(one.id) == wanted]
        or [one for one in named if one.name.casefold() == wanted]
        or [one for one in named if one.name.casefold().startswith(wanted)]
    )
    if not found:
        detail = f"There is no {noun} {text!r}."
        raise NotFound(detail)
    if len(found) > 1:
        names = ", ".join(f"{one.name} ({one.id})" for one in found)
        detail = f"Several {noun}s can be meant by {text!r}: {names}."
        raise NotFound(detail)
    return found[0].thing
