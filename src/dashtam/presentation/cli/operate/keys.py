"""``dashtam keys``: the keys that sign tokens and seal credentials."""

import click

from dashtam.presentation.cli.context import CommandContext, Group, notify, pass_command_context
from dashtam.presentation.cli.installation import Key
from dashtam.presentation.cli.tables import answer, instant_text, table
from dashtam.presentation.schemas.base import Shape


class KeyList(Shape):
    """Every key by which tokens are still verified, the one that signs first."""

    keys: list[Key]


@click.group(cls=Group)
def keys() -> None:
    """Make, rotate and list the keys that sign tokens."""


@keys.command()
@pass_command_context
def create(context: CommandContext) -> None:
    """Make the key ring where there is none. Keep a copy away from the database."""
    notify("The key ring lies here:")
    click.echo(context.installation.create_keys())


@keys.command()
@pass_command_context
def rotate(context: CommandContext) -> None:
    """Sign with a new key from now on. Nobody is signed out."""
    kid = context.installation.rotate_keys()
    notify("Tokens are signed with this key now:")
    click.echo(kid)


@keys.command("list")
@pass_command_context
def list_keys(context: CommandContext) -> None:
    """List the signing keys by id, the one that signs first."""
    found = list(context.installation.keys())
    answer(
        context,
        KeyList(keys=found),
        lambda: table(
            ("ID", "MADE", "RETIRED"),
            [(key.id, instant_text(key.made_at), instant_text(key.retired_at)) for key in found],
        ),
    )
