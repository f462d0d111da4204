"""``dashtam users``: the people who keep accounts here."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from dashtam.application.people import users as people
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.resolve import find_user, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, count_text
from dashtam.presentation.routers.api.v1.users import UserShape


@click.group(cls=Group)
def users() -> None:
    """Add, list and erase the people who keep accounts here."""


@users.command("list")
@with_context
def list_users(context: CommandContext) -> None:
    """List all users."""
    with context.database.read() as work:
        shapes = [UserShape.of(user) for user in work.users.all()]
    rows = [(user.email, user.created_at, user.id) for user in shapes]
    shape = {"users": shapes, "total_count": len(shapes)}
    answer_table(context, shape, ("EMAIL", "SINCE", "ID"), rows)


@users.command()
@click.argument("email")
@with_context
def create(context: CommandContext, email: str) -> None:
    """Add a user.

    The password is typed, or read from standard input. The setting `registration` does not limit
    this command.
    """
    services = context.services
    user = people.register(
        replace(services, options=replace(services.options, registration="open")),
        email,
        _read_password(),
        setup_code=None,
        needs_setup_code=False,
        address="",
    )
    notify("The user's days are those of UTC: `dashtam users time-zone` sets another time zone.")
    answer(context, UserShape.of(user), lambda: f"{user.email} can sign in now.")


@users.command("reset-password")
@click.argument("email")
@with_context
def reset_password(context: CommandContext, email: str) -> None:
    """Set another password for a user.

    It is typed, or read from standard input. Every session of the user ends.
    """
    with context.database.read() as work:
        user = find_user(work, email)
    people.reset_password(context.services, user, _read_password())
    notify(f"{user.email} has another password now, and is signed out everywhere.")


@users.command("time-zone")
@click.argument("name", required=False, envvar="TZ")
@with_context
def time_zone(context: CommandContext, name: str | None) -> None:
    """Set the time zone of a user's days.

    NAME is an IANA name such as Europe/Berlin; by default this machine's zone is proposed. It is
    the default of every time zone in the API, and decides the day that is today.
    """
    if name is None:
        # Most systems link this file to that of their zone.
        _, _, name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
        if not name:
            raise click.UsageError(message="Give the name of a zone, such as Europe/Berlin.")
        context.confirm(f"Use the zone of this machine, {name}?")
    with context.database.write() as work:
        user = people.set_time_zone(work, resolve_user(context, work).id, name)
    answer(context, UserShape.of(user), lambda: f"{user.email}: {user.time_zone}")


@users.command()
@click.argument("email")
@with_context
def erase(context: CommandContext, email: str) -> None:
    """Remove a user with all data, for ever.

    No other command removes snapshots; the law may demand this one. `db verify` reports every
    erasure. Backups still hold the data.
    """
    database = context.database
    with database.read() as work:
        user = find_user(work, email)
    context.confirm(f"Remove {user.email} with every account and every snapshot, for ever?")
    with database.write() as work:
        snapshots = people.erase(work, user)
    notify(f"{user.email} was removed, with {count_text(snapshots, 'snapshot')}.")


def _read_password() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
