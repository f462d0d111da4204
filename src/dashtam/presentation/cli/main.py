"""The command ``dashtam``: its commands, each loaded when it is called, and its exit status."""

import errno
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command by its module and its short help, so that the overview loads no module.

    ``function`` is the command's function, where its name is not the command's.
    """

    module: str
    sentence: str
    function: str | None = None


COMMANDS: Final[Mapping[str, LazyCommand]] = {
    "serve": LazyCommand("operate.serve", "Serve the API and the dashboard, until interrupted."),
    "demo": LazyCommand(
        "operate.demo",
        "Serve sample data: three years of a household's accounts, with a user to sign in as.",
    ),
    "import": LazyCommand(
        "data.imports", "Record the balances in statement files.", "import_files"
    ),
    "balances": LazyCommand(
        "data.snapshots", "Show the latest balance of each account, and the totals by currency."
    ),
    "history": LazyCommand("data.snapshots", "Show how the balance of an account went."),
    "snapshots": LazyCommand("data.snapshots", "Show the most recent snapshots of an account."),
    "accounts": LazyCommand("data.accounts", "List accounts, keep them by hand, change them."),
    "providers": LazyCommand("data.connections", "List what balances can come from."),
    "connections": LazyCommand("data.connections", "Connect to providers, reconnect, disconnect."),
    "sync": LazyCommand("data.syncs", "Ask a provider what the accounts hold now."),
    "worker": LazyCommand("operate.serve", "Sync every connection when it is due."),
    "syncs": LazyCommand("data.syncs", "List the runs that recorded balances."),
    "retract": LazyCommand("data.syncs", "Take back what an import or a typed balance recorded."),
    "export": LazyCommand("data.exports", "Write all of one's own data as one JSON document."),
    "users": LazyCommand("operate.users", "Add, list and erase the people who keep accounts here."),
    "tokens": LazyCommand("operate.tokens", "Manage read-only tokens for scripts and dashboards."),
    "keys": LazyCommand("operate.keys", "Make, rotate and list the keys that sign tokens."),
    "db": LazyCommand("operate.database", "Upgrade, back up, restore and verify the database."),
    "audit": LazyCommand("operate.audit", "Show who did what, newest first."),
    "config": LazyCommand(
        "operate.doctor", "Show every option: its value, its default, and what it is for."
    ),
    "doctor": LazyCommand(
        "operate.doctor", "Look for what is wrong, and tell what to do about it."
    ),
    "version": LazyCommand("operate.about", "Show the version."),
    "completion": LazyCommand("operate.about", "Print what makes a shell complete this command."),
}


class RootGroup(Group):
    """``dashtam`` itself; ``--help`` and completion load no command."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names, the most needed first."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command's module, and return the command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"dashtam.presentation.cli.{entry.module}")
        command: click.Command = getattr(module, entry.function or cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.sentence) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of a word."""
        known = [
            CompletionItem(name, help=entry.sentence)
            for name, entry in COMMANDS.items()
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
                f"Something went wrong that should not have ({type(error).__name__})."
                " The same command with --traceback tells where."
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
