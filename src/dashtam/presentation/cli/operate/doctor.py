"""``dashtam doctor`` and ``dashtam config``."""

import click

from dashtam.presentation.cli.context import EXIT_REFUSED, Command, CommandContext, with_context
from dashtam.presentation.cli.installation import Check, Option
from dashtam.presentation.cli.tables import answer


@click.command(cls=Command)
@with_context
def doctor(context: CommandContext) -> None:
    """Check this installation, with advice on every fault.

    Exit status 1 when there is any.
    """

    def check_text(check: Check) -> str:
        text = f"{'well ' if check.is_well else 'WRONG'}  {check.name}: {check.found}"
        return f"{text}\n       {check.advice}" if check.advice and not check.is_well else text

    checks = context.installation.checks()
    answer(context, {"checks": checks}, lambda: "\n".join(map(check_text, checks)))
    if not all(check.is_well for check in checks):
        raise click.exceptions.Exit(EXIT_REFUSED)


@click.command(cls=Command)
@with_context
def config(context: CommandContext) -> None:
    """Show every option: its value, its default, and its purpose.

    An option is set in the environment or in a file `.env`; NAME_FILE names a file that holds it.
    Secrets are hidden.
    """

    def option_text(option: Option) -> str:
        default = f" (default: {option.default or 'none'})" if option.is_set else ""
        return f"{option.variable}={option.value}{default}\n    {option.sentence}"

    options = context.installation.options()
    answer(context, {"options": options}, lambda: "\n\n".join(map(option_text, options)))
