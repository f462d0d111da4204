"""``dashtam import``: statement files become history."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import click
import msgspec

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import SentFile
from dashtam.application.imports.import_result import AccountImport, Import, Progress
from dashtam.domain.account import Account
from dashtam.domain.connection import Connection
from dashtam.domain.errors import DashtamError, FieldError
from dashtam.domain.statement import RowError
from dashtam.domain.user import User
from dashtam.presentation.cli.context import (
    Command,
    CommandContext,
    field_error_lines,
    pass_command_context,
)
from dashtam.presentation.cli.resolve import resolve_account, resolve_connection, resolve_user
from dashtam.presentation.cli.tables import answer, count_text
from dashtam.presentation.routers.api.v1.imports import ImportShape, import_shape
from dashtam.presentation.schemas.base import Shape

_EXIT_REFUSED: Final = 1
_EXIT_PARTLY: Final = 3

# How finely the bar shows how much of a file is recorded.
_STEPS: Final = 100


class ImportedFile(Shape):
    """What became of one file: the API's answer, or why it was refused."""

    file: str
    result: ImportShape | None
    detail: str | None
    errors: Sequence[FieldError]


class ImportedFiles(Shape):
    """What became of every file, in the order in which they were read."""

    imports: list[ImportedFile]
    recorded: int
    skipped: int
    refused: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen for all the files."""

    file_format: str | None
    mapping: Mapping[str, Any]
    account: str | None
    connection: str | None
    is_dry: bool


class Chosen(NamedTuple):
    """Whose files they are, and where they go, where that was said."""

    user: User
    account: Account | None
    connection: Connection | None


class Outcome(NamedTuple):
    """What became of one file: an import, or a refusal."""

    path: Path
    done: Import | None
    refusal: DashtamError | None = None


class JsonObject(click.ParamType[Mapping[str, Any]]):
    """A JSON object, or ``@`` before the name of a file that holds one."""

    name = "json"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, Any]:
        """Return the object."""
        text = str(value)
        try:
            raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
            return msgspec.json.decode(raw, type=dict[str, Any])
        except OSError as error:
            self.fail(f"{text[1:]}: {error.strerror}.", param, ctx)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.fail("This is not a JSON object.", param, ctx)


@click.command("import", cls=Command)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE...",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--format", "file_format", help="Where the content should not decide: ofx, mt940 …")
@click.option("--mapping", type=JsonObject(), help="What a CSV's columns mean: JSON or @FILE.")
@click.option("--account", help="Record into this account: an id, or how a name begins.")
@click.option("--connection", help="Find or make accounts under this connection.")
@click.pass_context
@pass_command_context
def import_files(
    context: CommandContext,
    click_context: click.Context,
    /,
    files: Sequence[Path],
    **given: Any,  # noqa: ANN401 - click passes them by name, and Choices knows them
) -> None:
    """Record the balances in statement files.

    OFX, QFX, MT940, camt.053 and CSV are told apart by content. Of a folder, every file in it with
    a name that statements have. Each file is recorded whole or not at all; what is known already is
    skipped, and each line that cannot be used is told. Exit status 3 when some files or lines were
    refused, 1 when nothing could be used.
    """
    choices = Choices(mapping=given.pop("mapping") or {}, **given)
    outcomes = list(_outcomes(context, _files_in(context, files), choices))
    answer(context, _shape(outcomes, choices), lambda: _text(outcomes, choices))
    if not any(outcome.done for outcome in outcomes):
        click_context.exit(_EXIT_REFUSED)
    if any(outcome.done is None or outcome.done.refused for outcome in outcomes):
        click_context.exit(_EXIT_PARTLY)


def _files_in(context: CommandContext, given: Sequence[Path]) -> list[Path]:
    formats = context.services.statement_files.formats()
    endings = {extension for known in formats for extension in known.extensions}
    found: list[Path] = []
    for path in given:
        inside = sorted(path.iterdir()) if path.is_dir() else []
        found += [file for file in inside if file.suffix.lower() in endings and file.is_file()]
        found += [] if path.is_dir() else [path]
    if not found:
        detail = "There is no statement file in this folder."
        raise DashtamError(detail)
    return found


def _outcomes(
    context: CommandContext, files: Sequence[Path], choices: Choices
) -> Iterator[Outcome]:
    # A choice that is wrong is wrong for every file, and refused once.
    to = _chosen(context, choices)
    hidden = not sys.stderr.isatty()
    steps = _STEPS * len(files)
    with click.progressbar(length=steps, label="Importing", file=sys.stderr, hidden=hidden) as bar:
        for number, path in enumerate(files):
            progress = partial(_show, bar, number)
            progress(0, 1)
            try:
                yield Outcome(path, _import(context, path, choices, to, progress))
            except DashtamError as refusal:
                yield Outcome(path, None, refusal)
            except OSError as error:
                yield Outcome(path, None, DashtamError(f"It cannot be read: {error.strerror}."))


class Bar(Protocol):
    """A progress bar, by the part of it that is used here."""

    pos: int

    def update(self, n_steps: int) -> None:
        """Go on by so many steps."""


def _show(bar: Bar, files_before: int, done: int, count: int) -> None:
    bar.update(_STEPS * files_before + _STEPS * done // count - bar.pos)


def _import(
    context: CommandContext, path: Path, choices: Choices, to: Chosen, progress: Progress
) -> Import:
    with path.open("rb") as file:
        sent = SentFile(
            user_id=to.user.id,
            file=file,
            file_format=choices.file_format,
            mapping=choices.mapping,
            account_id=None if to.account is None else to.account.id,
            connection_id=None if to.connection is None else to.connection.id,
            is_dry=choices.is_dry,
            progress=progress,
        )
        return file_import.import_file(context.services, sent)


def _chosen(context: CommandContext, choices: Choices) -> Chosen:
    account, connection = choices.account, choices.connection
    with context.services.database.read() as work:
        user = resolve_user(context, work)
        return Chosen(
            user,
            None if account is None else resolve_account(work, user, account),
            None if connection is None else resolve_connection(work, user, connection),
        )


def _shape(outcomes: Sequence[Outcome], choices: Choices) -> ImportedFiles:
    recorded = [outcome.done for outcome in outcomes if outcome.done]
    return ImportedFiles(
        imports=[
            ImportedFile(
                file=str(path),
                result=None if done is None else import_shape(done, is_dry=choices.is_dry),
                detail=None if refusal is None else str(refusal),
                errors=() if refusal is None else refusal.field_errors,
            )
            for path, done, refusal in outcomes
        ],
        recorded=sum(one.recorded for one in recorded),
        skipped=sum(one.skipped for one in recorded),
        refused=sum(one.refused for one in recorded),
    )


def _text(outcomes: Sequence[Outcome], choices: Choices) -> str:
    lines = [line for outcome in outcomes for line in _lines(outcome, choices)]
    if choices.is_dry:
        lines.append("Nothing was recorded: this was a dry run.")
    return "\n".join(lines)


def _lines(outcome: Outcome, choices: Choices) -> Iterator[str]:
    if outcome.refusal is not None:
        yield f"{outcome.path.name}: refused. {outcome.refusal}"
        yield from (f"    {line}" for line in field_error_lines(outcome.refusal))
    if outcome.done is not None:
        taken_back = "" if choices.is_dry else f"  (dashtam retract {outcome.done.sync_id})"
        yield f"{outcome.path.name}: {outcome.done.file_format}{taken_back}"
        for account in outcome.done.accounts:
            yield from _account_lines(account, "to record" if choices.is_dry else "recorded")


def _account_lines(done: AccountImport, verb: str) -> Iterator[str]:
    new = " (new)" if done.is_new else ""
    yield (
        f"    {done.account.name} {done.account.currency.code}{new}:"
        f" {count_text(done.recorded, 'snapshot')} {verb}, {done.skipped:,} known already,"
        f" {done.refused:,} refused"
    )
    yield from (f"        {_problem_text(problem)}" for problem in done.problems)
    untold = done.refused - len(done.problems)
    if untold:
        yield f"        and {untold:,} more"


def _problem_text(problem: RowError) -> str:
    return problem.detail if problem.line is None else f"line {problem.line}: {problem.detail}"
