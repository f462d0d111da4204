"""One call of the command: what was chosen for all verbs, and the installation it is about."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dashtam.domain.errors import DashtamError
from dashtam.presentation.cli.installation import InstallationOpener, InstallationPort

if TYPE_CHECKING:  # --help and version need none of what this loads
    from dashtam.application.ports import Services


@dataclass
class CommandContext:
    """What stands on the command line for every verb; ``given`` are settings."""

    open_installation: InstallationOpener
    settings: dict[str, object] = field(default_factory=dict)
    as_json: bool = False
    email: str | None = None
    assume_yes: bool = False
    shows_traceback: bool = False

    @cached_property
    def installation(self) -> InstallationPort:
        """The installation, opened when a verb first asks for it."""
        opened = self.open_installation(self.settings)
        click.get_current_context().find_root().call_on_close(opened.close)
        return opened

    @cached_property
    def services(self) -> "Services":
        """What use cases ask for."""
        return self.installation.services()

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be undone.

        Raises:
            Refusal: the answer is no, or there is nobody to ask.
        """
        if self.assume_yes:
            return
        if not sys.stdin.isatty():
            detail = f"{question} Nothing was done: add --yes where nobody can be asked."
            raise DashtamError(detail)
        if not click.confirm(question, err=True):
            detail = "Nothing was done."
            raise DashtamError(detail)


def notify(text: str) -> None:
    """Write something that is not the answer, where it does not get into the answer's way."""
    click.echo(text, err=True)


def printable(text: str) -> str:
    """Return the text with question marks for what could move the cursor or colour the screen."""
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in text)


def field_error_lines(refusal: DashtamError) -> list[str]:
    """Return what a refusal says beyond its sentence, a line for each thing that is wrong."""
    sentence, field_errors = str(refusal), refusal.field_errors
    if [fault.detail for fault in field_errors] == [sentence]:
        return []
    return [
        f"{fault.place}: {fault.code if fault.detail == sentence else fault.detail}"
        for fault in field_errors
    ]


def _take(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def take(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        # Each of these can stand before the verb and behind it; the last one that is given counts.
        if value:
            setattr(context.ensure_object(CommandContext), name, value)

    return take


def _take_data(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(CommandContext).settings["data"] = value


COMMON_OPTIONS: Final[Sequence[click.Parameter]] = (
    click.Option(
        ["--data"],
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        callback=_take_data,
        help="The folder of the database and the keys.",
    ),
    click.Option(
        ["--json"],
        is_flag=True,
        expose_value=False,
        callback=_take("as_json"),
        help="Answer in JSON, as the API does.",
    ),
    click.Option(
        ["--user"],
        metavar="EMAIL",
        expose_value=False,
        callback=_take("email"),
        help="Whose data, where several people keep accounts.",
    ),
    click.Option(
        ["--yes"],
        is_flag=True,
        expose_value=False,
        callback=_take("assume_yes"),
        help="Do not ask before what cannot be undone.",
    ),
    click.Option(
        ["--traceback"],
        is_flag=True,
        expose_value=False,
        callback=_take("shows_traceback"),
        hidden=True,
    ),
)
"""What every verb understands, and the command itself before it."""


class Command(click.Command):
    """A command that does something."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the verb's own options and arguments, then those that every verb has."""
        return [*super().get_params(ctx), *COMMON_OPTIONS]


class Group(click.Group):
    """A command whose verbs do something."""

    command_class = Command


pass_command_context = click.make_pass_decorator(CommandContext)
