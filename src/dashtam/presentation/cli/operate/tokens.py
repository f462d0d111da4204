"""``dashtam tokens``: read-only tokens for scripts and dashboards."""

import click

from dashtam.application.people import api_tokens
from dashtam.database.pagination import iterate_all
from dashtam.presentation.cli.context import Invocation, Noun, pass_invocation, say
from dashtam.presentation.cli.resolve import Named, chosen, chosen_user
from dashtam.presentation.cli.tables import answer, instant_text, table
from dashtam.presentation.routers.api.v1.api_tokens import (
    AccessTokenList,
    access_token_shape,
    created_shape,
)


@click.group(cls=Noun)
def tokens() -> None:
    """Manage read-only tokens for scripts and dashboards."""


@tokens.command()
@click.option("--name", default="command line", show_default=True, help="What it is called.")
@click.option("--days", type=click.IntRange(1, 3650), help="Good for so long; else until revoked.")
@click.option("--read-only", is_flag=True, help="Said for clearness: every token only reads.")
@pass_invocation
def create(invocation: Invocation, name: str, days: int | None, *, read_only: bool) -> None:
    """Make a token and print it, this once."""
    del read_only
    with invocation.services.database.write() as work:
        user = chosen_user(invocation, work)
        token, text = api_tokens.create(work, invocation.services.secrets, user.id, name, days)
    say(f"A token of {user.email} that only reads, shown this once:")
    answer(invocation, created_shape(token, text), lambda: text)


@tokens.command("list")
@pass_invocation
def list_tokens(invocation: Invocation) -> None:
    """List the tokens that are good, newest first."""
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        found = list(iterate_all(lambda page: api_tokens.of_user(work, user.id, page)))
    shape = AccessTokenList(
        access_tokens=[access_token_shape(token) for token in found],
        total_count=len(found),
        next_cursor=None,
    )
    rows = [
        (
            token.name,
            instant_text(token.created_at),
            instant_text(token.expires_at),
            instant_text(token.last_used_at),
            str(token.id),
        )
        for token in found
    ]
    answer(invocation, shape, lambda: table(("NAME", "CREATED", "EXPIRES", "USED", "ID"), rows))


@tokens.command()
@click.argument("token")
@pass_invocation
def revoke(invocation: Invocation, token: str) -> None:
    """End a token, named by its id or the beginning of its name."""
    database = invocation.services.database
    with database.read() as work:
        user = chosen_user(invocation, work)
        found = iterate_all(lambda page: api_tokens.of_user(work, user.id, page))
        ended = chosen("token", token, [Named(one.id, one.name, one) for one in found])
    invocation.make_sure(f"End the token {ended.name!r} of {user.email}?")
    with database.write() as work:
        api_tokens.revoke(work, user.id, ended.id)
    say(f"The token {ended.name!r} is refused from now on.")
