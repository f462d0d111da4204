"""``dashtam import``: statement files become history."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import click

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Import, SentFile
from dashtam.application.imports.folders import FoundFile, NotAFile, find_files, open_file
from dashtam.application.imports.inbox import POLL_S, Inbox, InboxFile
from dashtam.application.ports import Services
from dashtam.application.syncs.syncs import SyncRunning
from dashtam.domain.errors import (
    DashtamError,
    FieldError,
    MappingNeeded,
    Unavailable,
    UnknownFormat,
)
from dashtam.domain.mapping_proposal import Certainty, Choice, MappingPart
from dashtam.presentation.cli.context import (
    EXIT_PARTLY,
    EXIT_REFUSED,
    Command,
    CommandContext,
    field_error_lines,
    notify,
    printable,
    with_context,
)
from dashtam.presentation.cli.parameters import JSON_OBJECT
from dashtam.presentation.cli.resolve import resolve_account, resolve_connection, resolve_user
from dashtam.presentation.cli.tables import answer, count_text
from dashtam.presentation.routers.api.v1.imports import (
    ImportedAccount,
    ImportProblem,
    ImportShape,
    import_shape,
)
from dashtam.presentation.schemas.base import Shape
from dashtam.statements.sandbox import copy_to_file

_STANDARD_INPUT: Final = Path("-")
# The time for a file is in proportion to its length, and no shorter than that for so many bytes.
_LEAST_BYTES: Final = 20_000
_NO_STATEMENT: Final = "It is no statement. Name the file alone if it is one."
_LINE_WIDTH: Final = 40
_LEVELS: Final = "▁▂▃▄▅▆▇█"


class ImportedFile(Shape):
    """The result of one file, or the error that refused it."""

    file: str
    result: ImportShape | None = None
    detail: str | None = None
    errors: Sequence[FieldError] = ()


class LeftOutFile(Shape):
    """A file of a folder that is no statement, and how that was seen."""

    file: str
    detail: str


@click.command("import", cls=Command)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path, allow_dash=True),
    metavar="FILE...",
)
@click.option("--recursive", is_flag=True, help="The folders in a folder too.")
@click.option("--watch", is_flag=True, help="Import files as they appear in one folder.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Show the result, and record nothing.")
@click.option("--format", "file_format", help="Such as ofx; by default the content decides.")
@click.option("--mapping", type=JSON_OBJECT, default={}, help="A table's columns: JSON or @FILE.")
@click.option("--account", help="Record into this account: an id, or the beginning of a name.")
@click.option("--connection", help="Find or make accounts under this connection.")
@with_context
def import_files(
    context: CommandContext,
    /,
    files: Sequence[Path],
    *,
    recursive: bool,
    watch: bool,
    is_dry: bool,
    **choices: Any,  # noqa: ANN401 - options of the file
) -> None:
    """Record the balances in statement files.

    The content of a file tells its format: OFX, QFX, MT940, camt.053, CSV, XLSX, XLS, ODS, CODA,
    Norma 43, CFONB 120, BAI2, QIF, or a ZIP of them. FILE can be a folder: every statement in it is
    imported, by content, and the names of all other files are listed. A FILE of - is standard
    input. Each file is recorded whole or not at all; known balances are skipped, and each unusable
    line is listed. Exit status 3 when some files or lines were refused, 1 when all were.

    With --watch one folder is watched until interrupted: a file that stands unchanged is imported
    and moved to done/ or refused/ in it, with the reason in a file beside it.
    """
    if watch and (recursive or is_dry or len(files) != 1 or not files[0].is_dir()):
        msg = "--watch takes one folder, without --recursive and --dry-run."
        raise click.UsageError(msg)
    services = context.services
    found = [] if watch else list(find_files(files, is_recursive=recursive))
    if not found and not watch:
        raise DashtamError(detail="There is no statement file in this folder.")
    sent_file = _sent_file(context, is_dry=is_dry, **choices)
    if watch:
        _watch(context, Inbox(files[0]), sent_file)
    asks = sys.stdin.isatty() and not context.as_json and not context.assume_yes
    each = list(_import_each(services, found, sent_file, asks=asks))
    imports = [one for one in each if isinstance(one, ImportedFile)]
    left_out = [one for one in each if isinstance(one, LeftOutFile)]
    results = [one.result for one in imports if one.result is not None]
    refused = sum(result.refused for result in results)
    shape = {
        "imports": imports,
        "left_out": left_out,
        "recorded": sum(result.recorded for result in results),
        "skipped": sum(result.skipped for result in results),
        "refused": refused,
    }
    lines = [line for one in imports for line in _result_lines(one)]
    lines += [f"{one.file}: left out. {one.detail}" for one in left_out]
    if is_dry:
        lines.append("Nothing was recorded: this was a dry run.")
    answer(context, shape, lambda: "\n".join(lines))
    if not results:
        raise click.exceptions.Exit(EXIT_REFUSED)
    if refused or len(results) < len(imports):
        raise click.exceptions.Exit(EXIT_PARTLY)


def _sent_file(
    context: CommandContext,
    *,
    account: str | None,
    connection: str | None,
    **choices: Any,  # noqa: ANN401 - fields of SentFile
) -> Callable[..., SentFile]:
    """Return the SentFile of the user and the choices, without its file."""
    with context.services.database.read() as work:
        account_id = connection_id = None
        if account is not None:
            account_id = resolve_account(context, work, account).id
        if connection is not None:
            connection_id = resolve_connection(context, work, connection).id
        return partial(
            SentFile,
            user_id=resolve_user(context, work).id,
            account_id=account_id,
            connection_id=connection_id,
            **choices,
        )


def _watch(context: CommandContext, inbox: Inbox, sent_file: Callable[..., SentFile]) -> NoReturn:
    """Import files until interrupted, and write the answer of each at once."""
    with inbox.locked():
        notify(f"Watching {inbox.folder}. Ctrl-C stops.")
        while True:
            for moved in _look(context.services, inbox, sent_file):
                imported = ImportedFile(file=str(moved.path))
                if moved.result is None:
                    imported.detail = moved.reason.rstrip()
                else:
                    imported.result = import_shape(moved.result, is_dry=False)
                answer(context, imported, partial("\n".join, list(_result_lines(imported))))
            time.sleep(POLL_S)


def _look(
    services: Services, inbox: Inbox, sent_file: Callable[..., SentFile]
) -> Iterator[InboxFile]:
    try:
        yield from inbox.look(services, sent_file)
    except (Unavailable, SyncRunning) as error:
        notify(f"Waiting: {error}")


def _import_each(
    services: Services,
    found: Sequence[FoundFile],
    sent_file: Callable[..., SentFile],
    *,
    asks: bool,
) -> Iterator[ImportedFile | LeftOutFile]:
    """Import the files one by one, with a progress bar on a terminal."""
    # A bar would share its line with the questions, and hide the cursor.
    hidden = asks or not sys.stderr.isatty()
    lengths = [_length_of(one.path) for one in found]
    with (
        services.statement_files.for_many() as statement_files,
        click.progressbar(
            length=sum(lengths), label="Importing", file=sys.stderr, hidden=hidden
        ) as bar,
    ):
        one_process = replace(services, statement_files=statement_files)
        before = 0
        for one, length in zip(found, lengths, strict=True):

            def advance(share: float, before: int = before, length: int = length) -> None:
                bar.update(before + int(length * share) - bar.pos)

            yield _import_one(one_process, one, sent_file, advance, asks=asks)
            advance(1)
            before += length


def _length_of(path: Path) -> int:
    with suppress(OSError):
        return max(path.stat().st_size, _LEAST_BYTES)
    return _LEAST_BYTES


def _import_one(
    services: Services,
    found: FoundFile,
    sent_file: Callable[..., SentFile],
    advance: Callable[[float], None],
    *,
    asks: bool,
) -> ImportedFile | LeftOutFile:
    """Import a file; ``advance`` is called with its share that is done."""
    path, name = found.path, str(found.path)
    if found.left_out is not None:
        return LeftOutFile(name, found.left_out)
    imported = ImportedFile(file=name)
    try:
        with _open(path) as file:
            sent = sent_file(
                file=file,
                file_name="" if path == _STANDARD_INPUT else path.name,
                reading=lambda share: advance(share / 2),
                progress=lambda done, count: advance((1 + done / (count or 1)) / 2),
            )
            import_one = _import_asking if asks else file_import.import_file
            done = import_one(services, sent)
        imported.result = import_shape(done, is_dry=sent.is_dry)
    except NotAFile as error:
        if not found.is_named:
            return LeftOutFile(name, str(error))
        imported.detail = str(error)
    except (UnknownFormat, MappingNeeded) as error:
        is_text = isinstance(error, MappingNeeded)
        if found.is_named or (is_text and path.suffix.lower() in _endings(services)):
            imported.detail, imported.errors = str(error), error.field_errors
        else:
            # Most texts have lines with as many commas.
            return LeftOutFile(name, _NO_STATEMENT if is_text else str(error))
    except DashtamError as error:
        imported.detail, imported.errors = str(error), error.field_errors
    except OSError as error:
        imported.detail = f"It cannot be read: {error.strerror}."
    return imported


def _endings(services: Services) -> set[str]:
    known = services.statement_files.formats()
    return {"", *(ending for one in known for ending in one.extensions)}


def _open(path: Path) -> IO[bytes]:
    # A file is read again where its mapping is remembered, and a pipe can be read once.
    return copy_to_file(sys.stdin.buffer) if path == _STANDARD_INPUT else open_file(path)


def _import_asking(services: Services, sent: SentFile) -> Import:
    """Import the file, and ask its open questions on the terminal, all of a round together."""
    while True:
        try:
            return file_import.import_file(services, sent)
        except MappingNeeded as error:
            if error.proposal is None:
                raise
            parts = [part for part in error.proposal.parts if part.certainty is Certainty.OPEN]
            notify(f"{sent.file_name}: {error}")
            for row in error.proposal.first_rows:
                notify(f"    {row.line:>4}  {'  '.join(row.cells)}")
            sent = replace(sent, mapping=dict(sent.mapping) | dict(map(_ask, parts)))


def _ask(part: MappingPart) -> tuple[str, Choice]:
    """Return the part's name and the answer; a number is one only where there are choices."""
    choices = [one for one in (part.proposed, *part.choices) if one is not None]
    known = {str(one): one for one in choices}
    listed = f" ({', '.join(known)})" if known else ""
    # No default: an open part would be guessed by pressing Enter.
    answered = click.prompt(printable(part.name + listed), err=True, type=str)
    is_number = bool(part.choices) and answered.isdecimal()
    return part.name, known.get(answered, int(answered) if is_number else answered)


def _preview_lines(account: ImportedAccount) -> Iterator[str]:
    preview = account.preview
    if preview is None:
        return
    line = _spark([float(point.balance) for point in preview.points])
    yield f"{line}  {preview.first_on} {preview.first} to {preview.last_on} {preview.last}"
    yield f"lowest {preview.lowest}, highest {preview.highest}"
    kind = account.account_type.value.replace("_", " ")
    sign = ", debts are above zero in the file" if account.sign < 0 else ""
    yield f"{account.institution}, {kind} ({account.type_certainty}){sign}"
    for reading in preview.latest:
        row = f"  line {reading.row.line}: {reading.row.text}" if reading.row else ""
        yield f"{reading.captured_at.date()}  {reading.balance:>14}{row}"


def _spark(amounts: Sequence[float]) -> str:
    """Return a small line, at most 40 characters; the floats only choose a height."""
    step = -(-len(amounts) // _LINE_WIDTH)
    shown = amounts[::step]
    low, high = min(shown), max(shown)
    span = high - low or 1.0
    return "".join(_LEVELS[round((one - low) / span * (len(_LEVELS) - 1))] for one in shown)


def _result_lines(imported: ImportedFile) -> Iterator[str]:
    is_input = imported.file == str(_STANDARD_INPUT)
    name = "standard input" if is_input else Path(imported.file).name
    result = imported.result
    if result is None:
        yield f"{name}: refused. {imported.detail}"
        lines = field_error_lines(str(imported.detail), imported.errors)
        yield from (f"    {line}" for line in lines)
        return
    is_retractable = result.recorded and not result.dry_run
    hint = f"  (dashtam retract {result.id})" if is_retractable else ""
    yield f"{name}: {result.format}{hint}"
    for account in result.accounts:
        new = " (new)" if account.is_new else ""
        verb = "to record" if result.dry_run else "recorded"
        yield (
            f"    {account.name} {account.currency}{new}:"
            f" {count_text(account.recorded, 'snapshot')} {verb},"
            f" {account.skipped:,} known already, {account.refused:,} refused"
        )
        yield from (f"        {line}" for line in _preview_lines(account))
        yield from (f"        {_line_text(problem)}" for problem in account.problems)
        if more := account.refused - len(account.problems):
            yield f"        and {more:,} more"
        yield from (f"        note: {_line_text(remark)}" for remark in account.remarks)


def _line_text(problem: ImportProblem) -> str:
    line = "" if problem.line is None else f"line {problem.line}: "
    return f"{line}{problem.detail}"
