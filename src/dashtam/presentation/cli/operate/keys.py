"""``dashtam keys``: the keys that sign tokens and seal credentials."""

import click

from dashtam.presentation.cli.context import Invocation, Noun, pass_invocation, say
from dashtam.presentation.cli.installation import Key
from dashtam.presentation.cli.tables import answer, instant_text, table
from dashtam.presentation.schemas.base import Shape


class KeyList(Shape):
    """Every key by which tokens are still verified, the one that signs first."""

    keys: list[Key]


@click.group(cls=Noun)
def keys() -> None:
    """Make, rotate and list the keys that sign tokens."""


@keys.command()
@pass_invocation
def create(invocation: Invocation) -> None:
    """Make the key ring where there is none. Keep a copy away from the database."""
    say("The key ring lies here:")
    click.echo(invocation.installation.create_keys())


@keys.command()
@pass_invocation
def rotate(invocation: Invocation) -> None:
    """Sign with a new key from now on. Nobody is signed out."""
    kid = invocation.installation.rotate_keys()
    say("Tokens are signed with this key now:")
    click.echo(kid)


@keys.command("list")
@pass_invocation
def list_keys(invocation: Invocation) -> None:
    """List the signing keys by id, the one that signs first."""
    found = list(invocation.installation.keys())
    answer(
        invocation,
        KeyList(keys=found),
        lambda: table(
            ("ID", "MADE", "RETIRED"),
            [(key.id, instant_text(key.made_at), instant_text(key.retired_at)) for key in found],
        ),
    )
