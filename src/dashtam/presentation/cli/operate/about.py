"""``dashtam version`` and ``dashtam completion``."""

import click
from click.shell_completion import get_completion_class

from dashtam import __version__
from dashtam.presentation.cli.context import Invocation, Verb, pass_invocation


@click.command(cls=Verb)
@pass_invocation
def version(invocation: Invocation) -> None:
    """Show the version."""
    click.echo(f'{{"version":"{__version__}"}}' if invocation.as_json else f"dashtam {__version__}")


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete this command.

    For bash: `dashtam completion bash >> ~/.bashrc`.
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    click.echo(found(context.find_root().command, {}, "dashtam", "_DASHTAM_COMPLETE").source())
