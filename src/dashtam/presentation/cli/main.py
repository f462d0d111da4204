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
    Invocation,
    Noun,
    fault_lines,
    printable,
    say,
)
from dashtam.presentation.cli.installation import Opener

EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is written, and what it is for: known without loading it."""

    module: str
    sentence: str
    name: str | None = None


ENTRIES: Final[Mapping[str, Entry]] = {
    "serve": Entry("operate.operate", "Serve the API and the dashboard, until interrupted."),
    "demo": Entry(
        "operate.demo",
        "Serve sample data: three years of a household's accounts, with a user to sign in as.",
    ),
    "import": Entry("data.imports", "Record the balances in statement files.", "import_files"),
    "balances": Entry(
        "data.snapshots", "Show the latest balance of each account, and the totals by currency."
    ),
    "history": Entry("data.snapshots", "Show how the balance of an account went."),
    "snapshots": Entry("data.snapshots", "Show the most recent snapshots of an account."),
    "accounts": Entry("data.accounts", "List accounts, keep them by hand, change them."),
    "providers": Entry("data.connections", "List what balances can come from."),
    "connections": Entry("data.connections", "Connect to providers, reconnect, disconnect."),
    "sync": Entry("data.sync", "Ask a provider what the accounts hold now."),
    "worker": Entry("data.sync", "Sync every connection when it is due."),
    "syncs": Entry("data.syncs", "List the runs that recorded balances."),
    "retract": Entry("data.syncs", "Take back what an import or a typed balance recorded."),
    "export": Entry("data.exports", "Write all of one's own data as one JSON document."),
    "users": Entry("operate.users", "Add, list and erase the people who keep accounts here."),
    "tokens": Entry("operate.tokens", "Manage read-only tokens for scripts and dashboards."),
    "keys": Entry("operate.keys", "Make, rotate and list the keys that sign tokens."),
    "db": Entry("operate.database", "Upgrade, back up, restore and verify the database."),
    "audit": Entry("operate.operate", "Show who did what, newest first."),
    "config": Entry(
        "operate.operate", "Show every option: its value, its default, and what it is for."
    ),
    "doctor": Entry("operate.operate", "Look for what is wrong, and tell what to do about it."),
    "version": Entry("operate.about", "Show the version."),
    "completion": Entry("operate.about", "Print what makes a shell complete this command."),
}


class Dashtam(Noun):
    """The command itself. ``--help`` and completion load no verb."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(ENTRIES)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading the module that it is written in."""
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"dashtam.presentation.cli.{entry.module}")
        command: click.Command = getattr(module, entry.name or cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.sentence) for name, entry in ENTRIES.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the word can become."""
        known = [
            CompletionItem(name, help=entry.sentence)
            for name, entry in ENTRIES.items()
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
            say("\nInterrupted.")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except DashtamError as refusal:
            raise _refused(refusal) from None
        # The edge of the process.
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            raise _failed(error, ctx.ensure_object(Invocation)) from None


def _refused(refusal: DashtamError) -> click.ClickException:
    return _Sentence("\n".join([str(refusal), *fault_lines(refusal)]))


def _failed(error: Exception, invocation: Invocation) -> click.ClickException:
    if invocation.shows_traceback:
        say("".join(traceback.format_exception(error)))
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _Sentence(f"{place}{error.strerror or error}.")
    return _Sentence(
        f"Something went wrong that should not have ({type(error).__name__})."
        " The same command with --traceback tells where."
    )


class _Sentence(click.ClickException):
    """What was refused, in words alone."""

    def show(self, file: IO[str] | None = None) -> None:
        click.echo(printable(self.format_message()), file=file, err=True)


@click.group(cls=Dashtam, params=[*COMMON_OPTIONS], context_settings={"max_content_width": 100})
def dashtam() -> None:
    """Record balances whenever they are synced, and see their history to the cent.

    Answers go to standard output, everything else to standard error. Exit status: 0 done,
    1 refused, 2 misused, 3 partly done.
    """


def run(open_installation: Opener) -> None:
    """Run the command line, and end the process."""
    dashtam.main(prog_name="dashtam", obj=Invocation(open_installation))
