"""``dashtam version`` and ``dashtam completion``."""

import click
from click.shell_completion import get_completion_class

from dashtam import __version__
from dashtam.presentation.cli.context import Command, CommandContext, with_context


@click.command(cls=Command)
@with_context
def version(context: CommandContext) -> None:
    """Show the version."""
    click.echo(f'{{"version":"{__version__}"}}' if context.as_json else f"dashtam {__version__}")


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For bash: `dashtam completion bash >> ~/.bashrc`.
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    command = context.find_root().command
    click.echo(found(command, {}, "dashtam", "_DASHTAM_COMPLETE").source())
