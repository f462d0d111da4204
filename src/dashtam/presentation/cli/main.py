"""The command ``dashtam``: its commands, loaded by their first use, and its exit status."""

import errno
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any, Final

import click
from click.shell_completion import CompletionItem

from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.context import (
    COMMON_OPTIONS,
    EXIT_INTERRUPTED,
    CommandContext,
    Group,
    field_error_lines,
    notify,
    printable,
)
from dashtam.presentation.cli.installation import InstallationOpener

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("operate.serve", "Serve the API and the dashboard, until interrupted."),
    "demo": (
        "operate.demo",
        "Serve sample data: a household's accounts since 2022, with a user to sign in as.",
    ),
    "import": ("data.imports", "Record the balances in statement files."),
    "import-profiles": (
        "data.import_profiles",
        "List and forget the mappings that imports remember.",
    ),
    "balances": (
        "data.snapshots",
        "Show the latest balance of each account, and the totals by currency.",
    ),
    "history": ("data.snapshots", "Show the history of an account's balance."),
    "snapshots": ("data.snapshots", "Show the most recent snapshots of an account."),
    "snapshot": ("data.corrections", "Correct one snapshot of an account, or take it back."),
    "accounts": ("data.accounts", "List accounts, keep them by hand, change them."),
    "holds": ("data.holds", "List balances that are likely wrong, and decide on them."),
    "providers": ("data.connections", "List the sources of balances."),
    "connections": ("data.connections", "Connect to providers, reconnect, disconnect."),
    "sync": ("data.syncs", "Record the balances that a provider reports now."),
    "worker": ("operate.serve", "Sync every connection when it is due."),
    "syncs": ("data.syncs", "List the runs that recorded balances."),
    "retract": ("data.syncs", "Take back the snapshots of a sync, an import or a typed balance."),
    "export": ("data.exports", "Write all data of a user as one JSON document."),
    "users": ("operate.users", "Add, list and erase the people who keep accounts here."),
    "tokens": ("operate.tokens", "Manage read-only tokens for scripts and dashboards."),
    "keys": ("operate.keys", "Make, rotate and list the keys that sign tokens."),
    "db": ("operate.database", "Upgrade, back up, restore and verify the database."),
    "audit": ("operate.audit", "Show the audit log, newest first."),
    "config": ("operate.doctor", "Show every option: its value, its default, and its purpose."),
    "doctor": ("operate.doctor", "Check this installation, with advice on every fault."),
    "version": ("operate.about", "Show the version."),
    "completion": ("operate.about", "Print the completion script of a shell."),
}
"""The module and the short help of each command, so that the overview loads no module."""


class RootGroup(Group):
    """``dashtam`` itself; ``--help`` and completion load no command."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names, the most needed first."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command's module, and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dashtam.presentation.cli.{COMMANDS[cmd_name][0]}")
        commands = (one for one in vars(module).values() if isinstance(one, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of a word."""
        known = [
            CompletionItem(name, help=help_text)
            for name, (_, help_text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return known + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; every error becomes a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            notify("\nInterrupted.")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except DashtamError as error:
            lines = [str(error), *field_error_lines(str(error), error.field_errors)]
            raise _ErrorMessage("\n".join(lines)) from None
        # The edge of the process.
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            if ctx.ensure_object(CommandContext).shows_traceback:
                notify("".join(traceback.format_exception(error)))
            text = (
                f"This is a fault of Dashtam ({type(error).__name__})."
                " The same command with --traceback shows its place."
            )
            if isinstance(error, OSError):
                place = f"{error.filename}: " if error.filename else ""
                text = f"{place}{error.strerror or error}."
            raise _ErrorMessage(text) from None


class _ErrorMessage(click.ClickException):
    """An error that click shows without a prefix."""

    def show(self, file: IO[str] | None = None) -> None:
        click.echo(printable(self.format_message()), file=file, err=True)


@click.group(cls=RootGroup, params=[*COMMON_OPTIONS], context_settings={"max_content_width": 100})
def dashtam() -> None:
    """Record balances whenever they are synced, and see their history to the cent.

    Answers go to standard output, everything else to standard error. Exit status: 0 done,
    1 refused, 2 misused, 3 partly done.
    """


def run(open_installation: InstallationOpener) -> None:
    """Run the command line, and end the process."""
    dashtam.main(prog_name="dashtam", obj=CommandContext(open_installation))
