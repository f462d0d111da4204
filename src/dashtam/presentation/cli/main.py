"""The command ``dashtam``: its verbs, loaded only when they are called, and how it ends."""

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
    CommandContext,
    Group,
    field_error_lines,
    notify,
    printable,
)
from dashtam.presentation.cli.installation import InstallationOpener

EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is written, and what it is for: known without loading it."""

    module: str
    sentence: str
    name: str | None = None


COMMANDS: Final[Mapping[str, LazyCommand]] = {
    "serve": LazyCommand("operate.operate", "Serve the API and the dashboard, until interrupted."),
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
    "sync": LazyCommand("data.sync", "Ask a provider what the accounts hold now."),
    "worker": LazyCommand("data.sync", "Sync every connection when it is due."),
    "syncs": LazyCommand("data.syncs", "List the runs that recorded balances."),
    "retract": LazyCommand("data.syncs", "Take back what an import or a typed balance recorded."),
    "export": LazyCommand("data.exports", "Write all of one's own data as one JSON document."),
    "users": LazyCommand("operate.users", "Add, list and erase the people who keep accounts here."),
    "tokens": LazyCommand("operate.tokens", "Manage read-only tokens for scripts and dashboards."),
    "keys": LazyCommand("operate.keys", "Make, rotate and list the keys that sign tokens."),
    "db": LazyCommand("operate.database", "Upgrade, back up, restore and verify the database."),
    "audit": LazyCommand("operate.operate", "Show who did what, newest first."),
    "config": LazyCommand(
        "operate.operate", "Show every option: its value, its default, and what it is for."
    ),
    "doctor": LazyCommand(
        "operate.operate", "Look for what is wrong, and tell what to do about it."
    ),
    "version": LazyCommand("operate.about", "Show the version."),
    "completion": LazyCommand("operate.about", "Print what makes a shell complete this command."),
}


class RootGroup(Group):
    """The command itself. ``--help`` and completion load no verb."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading the module that it is written in."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"dashtam.presentation.cli.{entry.module}")
        command: click.Command = getattr(module, entry.name or cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.sentence) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the word can become."""
        known = [
            CompletionItem(name, help=entry.sentence)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return known + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the verb; whatever ends it becomes a sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            notify("\nInterrupted.")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except DashtamError as refusal:
            raise _refused(refusal) from None
        # The edge of the process.
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            raise _failed(error, ctx.ensure_object(CommandContext)) from None


def _refused(refusal: DashtamError) -> click.ClickException:
    return _ErrorMessage("\n".join([str(refusal), *field_error_lines(refusal)]))


def _failed(error: Exception, context: CommandContext) -> click.ClickException:
    if context.shows_traceback:
        notify("".join(traceback.format_exception(error)))
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _ErrorMessage(f"{place}{error.strerror or error}.")
    return _ErrorMessage(
        f"Something went wrong that should not have ({type(error).__name__})."
        " The same command with --traceback tells where."
    )


class _ErrorMessage(click.ClickException):
    """What was refused, in words alone."""

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
