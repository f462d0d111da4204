"""Users, accounts, connections and tokens, found by the words of a command line."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from dashtam.application.connections import connections
from dashtam.application.history import accounts
from dashtam.database.pagination import ListPage, PageRequest, iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.connection import Connection
from dashtam.domain.errors import NotFound
from dashtam.domain.user import ApiToken, User, UserId
from dashtam.presentation.cli.context import CommandContext

T = TypeVar("T")
Named = TypeVar("Named", Account, Connection, ApiToken)


def resolve_user(context: CommandContext, work: UnitOfWork) -> User:
    """Return the user of ``--user``, else the only user.

    Raises:
        NotFound: there is no such user, no user at all, or ``--user`` must choose one of several.
    """
    if context.email is not None:
        return find_user(work, context.email)
    found = work.users.all()
    if not found:
        detail = "Nobody keeps accounts here yet: `dashtam users create EMAIL` adds somebody."
        raise NotFound(detail)
    if len(found) > 1:
        emails = ", ".join(user.email for user in found)
        detail = f"Several people keep accounts here: choose one with --user ({emails})."
        raise NotFound(detail)
    return found[0]


def find_user(work: UnitOfWork, email: str) -> User:
    """Return the user with this e-mail.

    Raises:
        NotFound: there is none.
    """
    user = work.users.find_by_email(email)
    if user is None:
        raise NotFound(detail=f"Nobody with the e-mail {email} keeps accounts here.")
    return user


def resolve_account(context: CommandContext, work: UnitOfWork, text: str) -> Account:
    """Return the user's account that ``resolve_record`` finds."""
    found = list_all(work, resolve_user(context, work), accounts.list_for_user)
    return resolve_record("account", text, [balance.account for balance in found])


def resolve_connection(context: CommandContext, work: UnitOfWork, text: str) -> Connection:
    """Return the user's connection that ``resolve_record`` finds."""
    found = list_all(work, resolve_user(context, work), connections.list_for_user)
    return resolve_record("connection", text, found)


def resolve_record(noun: str, text: str, records: Iterable[Named]) -> Named:
    """Return the record with this id or name, or the only one with a name that begins like this.

    Raises:
        NotFound: there is none, or there are several.
    """
    wanted = text.strip().casefold()
    records = list(records)
    found = (
        [one for one in records if str(one.id) == wanted]
        or [one for one in records if one.name.casefold() == wanted]
        or [one for one in records if one.name.casefold().startswith(wanted)]
    )
    if not found:
        raise NotFound(detail=f"There is no {noun} {text!r}.")
    if len(found) > 1:
        names = ", ".join(f"{one.name} ({one.id})" for one in found)
        raise NotFound(detail=f"Several {noun}s can be meant by {text!r}: {names}.")
    return found[0]


def list_all(
    work: UnitOfWork,
    user: User,
    list_page: Callable[[UnitOfWork, UserId, PageRequest], ListPage[T]],
) -> list[T]:
    """Return a whole list of the user's, in its order."""
    return list(iterate_all(lambda page: list_page(work, user.id, page)))
