"""``dashtam users``: the people who keep accounts here."""

import sys
from dataclasses import replace

import click

from dashtam.application.audit_log import HERE
from dashtam.application.people import users as people
from dashtam.domain.user import User
from dashtam.presentation.cli.context import Invocation, Noun, pass_invocation, say
from dashtam.presentation.cli.resolve import user_by_email
from dashtam.presentation.cli.tables import answer, count_text, instant_text, table
from dashtam.presentation.routers.api.v1.users import UserShape, user_shape
from dashtam.presentation.schemas.base import Shape


class UserList(Shape):
    """Everyone, by e-mail."""

    users: list[UserShape]
    total_count: int


@click.group(cls=Noun)
def users() -> None:
    """Add, list and erase the people who keep accounts here."""


@users.command("list")
@pass_invocation
def list_users(invocation: Invocation) -> None:
    """List everyone."""
    with invocation.services.database.read() as work:
        found = work.users.all()
    answer(
        invocation,
        UserList(users=[user_shape(user) for user in found], total_count=len(found)),
        lambda: table(
            ("EMAIL", "SINCE", "ID"),
            [(user.email, instant_text(user.created_at), str(user.id)) for user in found],
        ),
    )


@users.command()
@click.argument("email")
@pass_invocation
def create(invocation: Invocation, email: str) -> None:
    """Add somebody. The password is asked for, or read from standard input.

    Whoever can run this decides who registers: the setting `registration` does not count here.
    """
    services = invocation.services
    by_the_operator = replace(services, options=replace(services.options, registration="open"))
    user = people.register(
        by_the_operator,
        email,
        _password(),
        setup_code=None,
        needs_setup_code=False,
        address=HERE,
    )
    answer(invocation, user_shape(user), lambda: f"{user.email} can sign in now.")


@users.command("reset-password")
@click.argument("email")
@pass_invocation
def reset_password(invocation: Invocation, email: str) -> None:
    """Give somebody another password.

    It is asked for, or read from standard input. Every session of theirs ends.
    """
    user = _user(invocation, email)
    people.reset_password(invocation.services, user, _password())
    say(f"{user.email} has another password now, and is signed out everywhere.")


@users.command()
@click.argument("email")
@pass_invocation
def erase(invocation: Invocation, email: str) -> None:
    """Remove somebody and all that is theirs, for ever.

    The only command that removes what was recorded: the law may demand it. `db verify` tells
    that it was done. Backups still hold the data.
    """
    user = _user(invocation, email)
    invocation.make_sure(f"Remove {user.email} with every account and every snapshot, for ever?")
    with invocation.services.database.write() as work:
        snapshots = people.erase(work, user)
    say(f"{user.email} was removed, with {count_text(snapshots, 'snapshot')}.")


def _user(invocation: Invocation, email: str) -> User:
    with invocation.services.database.read() as work:
        return user_by_email(work, email)


def _password() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
