"""``dashtam keys``: the keys that sign tokens and seal credentials."""

import click

from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.tables import answer_table


@click.group(cls=Group)
def keys() -> None:
    """Make, rotate and list the keys that sign tokens."""


@keys.command()
@with_context
def create(context: CommandContext) -> None:
    """Make the key ring, unless there is one. Keep a copy away from the database."""
    notify("The key ring is here:")
    click.echo(context.installation.create_keys())


@keys.command()
@with_context
def rotate(context: CommandContext) -> None:
    """Sign with a new key from now on. Nobody is signed out."""
    kid = context.installation.rotate_keys()
    notify("Tokens are signed with this key now:")
    click.echo(kid)


@keys.command("list")
@with_context
def list_keys(context: CommandContext) -> None:
    """List the signing keys by id, the one that signs first."""
    found = context.installation.keys()
    rows = [(key.id, key.made_at, key.retired_at) for key in found]
    answer_table(context, {"keys": found}, ("ID", "MADE", "RETIRED"), rows)
