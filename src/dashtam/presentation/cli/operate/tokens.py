"""``dashtam tokens``: read-only tokens for scripts and dashboards."""

import click

from dashtam.application.people import api_tokens
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.resolve import list_all, resolve_record, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table
from dashtam.presentation.routers.api.v1.api_tokens import (
    AccessTokenList,
    AccessTokenShape,
    CreatedAccessToken,
)


@click.group(cls=Group)
def tokens() -> None:
    """Manage read-only tokens for scripts and dashboards."""


@tokens.command()
@click.option("--name", default="command line", show_default=True, help="The token's name.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days it is good; else until revoked.")
@click.option("--read-only", is_flag=True, help="For clarity alone: every token only reads.")
@with_context
def create(context: CommandContext, name: str, days: int | None, *, read_only: bool) -> None:
    """Make a token, and print it this once."""
    del read_only
    with context.database.write() as work:
        user = resolve_user(context, work)
        token, text = api_tokens.create(work, context.services.secrets, user.id, name, days)
    notify(f"A read-only token of {user.email}, shown this once:")
    answer(context, CreatedAccessToken.of(token, token=text), lambda: text)


@tokens.command("list")
@with_context
def list_tokens(context: CommandContext) -> None:
    """List the tokens that are good, newest first."""
    with context.database.read() as work:
        found = list_all(work, resolve_user(context, work), api_tokens.list_for_user)
    shapes = [AccessTokenShape.of(token) for token in found]
    rows = [(one.name, one.created_at, one.expires_at, one.last_used_at, one.id) for one in shapes]
    shape = AccessTokenList(access_tokens=shapes, total_count=len(shapes), next_cursor=None)
    answer_table(context, shape, ("NAME", "CREATED", "EXPIRES", "USED", "ID"), rows)


@tokens.command()
@click.argument("token")
@with_context
def revoke(context: CommandContext, token: str) -> None:
    """End a token, named by its id or the beginning of its name."""
    database = context.database
    with database.read() as work:
        user = resolve_user(context, work)
        found = resolve_record("token", token, list_all(work, user, api_tokens.list_for_user))
    context.confirm(f"End the token {found.name!r} of {user.email}?")
    with database.write() as work:
        api_tokens.revoke(work, user.id, found.id)
    notify(f"The token {found.name!r} is refused from now on.")
