"""The commands' common options, and the installation that they choose."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dashtam.domain.errors import DashtamError, FieldError
from dashtam.presentation.cli.installation import InstallationOpener, InstallationPort

if TYPE_CHECKING:  # --help and version do without the modules that this loads
    from dashtam.application.ports import Services
    from dashtam.database.unit_of_work import Database

EXIT_REFUSED: Final = 1
EXIT_PARTLY: Final = 3
EXIT_INTERRUPTED: Final = 130


@dataclass
class CommandContext:
    """The common options of one call; ``settings`` override those of the environment."""

    open_installation: InstallationOpener
    settings: dict[str, object] = field(default_factory=dict)
    as_json: bool = False
    email: str | None = None
    assume_yes: bool = False
    shows_traceback: bool = False

    @cached_property
    def installation(self) -> InstallationPort:
        """The installation, opened by its first use and closed with the command."""
        installation = self.open_installation(self.settings)
        click.get_current_context().find_root().call_on_close(installation.close)
        return installation

    @property
    def database(self) -> "Database":
        """The database; its first use upgrades the schema."""
        return self.installation.database

    @cached_property
    def services(self) -> "Services":
        """The services of the use cases."""
        return self.installation.services()

    def confirm(self, question: str) -> None:
        """Ask before an action that cannot be undone.

        Raises:
            DashtamError: the answer is no, or there is no terminal.
        """
        if self.assume_yes:
            return
        if not sys.stdin.isatty():
            detail = f"{question} Nothing was done: add --yes where nobody can be asked."
            raise DashtamError(detail)
        if not click.confirm(printable(question), err=True):
            raise DashtamError(detail="Nothing was done.")


def notify(text: str) -> None:
    """Write a message to standard error, apart from the answer; one that cannot be is dropped."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


def printable(text: str) -> str:
    r"""Return the text with escapes, such as ``\x1b``, for characters that control the terminal.

    Line feeds stay.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one == "\n" or _is_shown(one) else one.encode("unicode_escape").decode()
        for one in text
    )


def printable_json(text: str) -> str:
    """Return the same JSON value with escapes for characters that control the terminal.

    Only strings may have characters outside ASCII.
    """
    if text.isprintable():
        return text
    return "".join(one if one == "\n" or _is_shown(one) else json.dumps(one)[1:-1] for one in text)


def _is_shown(character: str) -> bool:
    # No-break spaces are shown, though Python does not call them printable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def field_error_lines(detail: str, field_errors: Sequence[FieldError]) -> list[str]:
    """Return a line for each field error, none where they only repeat the error's detail."""
    if [error.detail for error in field_errors] == [detail]:
        return []
    return [
        f"{error.place}: {error.code if error.detail == detail else error.detail}"
        for error in field_errors
    ]


def _common_option(flag: str, name: str, help_text: str, **attributes: Any) -> click.Option:  # noqa: ANN401 - click's own
    def store(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        # The option can stand before the command and behind it; the last one counts.
        if value and name == "data":
            context.ensure_object(CommandContext).settings[name] = value
        elif value:
            setattr(context.ensure_object(CommandContext), name, value)

    return click.Option([flag], expose_value=False, callback=store, help=help_text, **attributes)


COMMON_OPTIONS: Final[Sequence[click.Parameter]] = (
    _common_option(
        "--data",
        "data",
        "The folder of the database and the keys.",
        type=click.Path(file_okay=False, path_type=Path),
    ),
    _common_option("--json", "as_json", "Answer in JSON, as the API does.", is_flag=True),
    _common_option(
        "--user", "email", "The user, where several people keep accounts.", metavar="EMAIL"
    ),
    _common_option(
        "--yes", "assume_yes", "Do not ask before an action that cannot be undone.", is_flag=True
    ),
    _common_option("--traceback", "shows_traceback", "", is_flag=True, hidden=True),
)
"""The options of every command, and of ``dashtam`` itself before it."""


class Command(click.Command):
    """A command with the common options."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, then the common options."""
        return [*super().get_params(ctx), *COMMON_OPTIONS]


class Group(click.Group):
    """A noun of the command line; its commands are the noun's verbs. Without one, it lists."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` before the options where no command is named."""
        is_bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        if "list" in self.commands and is_bare and not ctx.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command that a call without one runs."""
        if "list" in self.commands:
            formatter.write_paragraph()
            formatter.write_text("Without a command: list.")


with_context = click.make_pass_decorator(CommandContext)
