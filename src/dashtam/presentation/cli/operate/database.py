"""``dashtam db``: the database as a whole."""

from collections.abc import Sequence
from pathlib import Path

import click

from dashtam.application.history.verification import Finding, rebuild_cache, verify
from dashtam.domain.user import Erasure
from dashtam.presentation.cli.context import (
    EXIT_REFUSED,
    CommandContext,
    Group,
    notify,
    with_context,
)
from dashtam.presentation.cli.tables import answer, count_text, instant_text
from dashtam.presentation.schemas.base import Shape


class ReportShape(Shape):
    """The counts of a verification, and every difference from the record."""

    accounts: int
    snapshots: int
    position_sets: int
    external_flows: int
    syncs: int
    retractions: int
    erasures: Sequence[Erasure]
    found: int
    findings: Sequence[Finding]
    remarks: Sequence[str]


@click.group(cls=Group)
def db() -> None:
    """Upgrade, back up, restore and verify the database."""


@db.command()
@with_context
def upgrade(context: CommandContext) -> None:
    """Upgrade the schema to this version's.

    A SQLite database is backed up first.
    """
    before, now = context.installation.upgrade()
    click.echo(
        f"The schema is at revision {now} already."
        if before == now
        else f"The schema went from {before or 'nothing'} to revision {now}."
    )


@db.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@with_context
def backup(context: CommandContext, folder: Path | None) -> None:
    """Write database and key ring into a new folder inside FOLDER.

    Without FOLDER it is `backups` in the data folder. The server may run meanwhile. A backup holds
    the keys: guard it.
    """
    click.echo(context.installation.backup(folder or _data_folder(context) / "backups"))


@db.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@with_context
def restore(context: CommandContext, folder: Path) -> None:
    """Replace the database and the key ring with a backup.

    The replaced files are kept aside.
    """
    context.confirm(f"Replace the database and the keys in {_data_folder(context)} with {folder}?")
    context.installation.restore(folder)
    notify(f"{folder} is in place. `dashtam db verify` checks it.")


@db.command("verify")
@with_context
def verify_database(context: CommandContext) -> None:
    """Check that every snapshot is as it was recorded.

    Follows each account's hash chains from the first snapshot to the last, and those of its events,
    positions and flows, and compares the count of each run with its snapshots, so that none can be
    missing. Exit status 1 for any difference.
    """
    report = verify(context.database)
    shape = ReportShape.of(report)
    answer(context, shape, lambda: _report_text(shape))
    if report.found:
        raise click.exceptions.Exit(EXIT_REFUSED)


@db.command()
@with_context
def rebuild(context: CommandContext) -> None:
    """Write the cached history of every account again.

    The snapshots stay as they are. It is for a database with another key ring than before, and for
    a cache that `verify` reports, once you have kept a copy of the database.
    """
    accounts = rebuild_cache(context.database)
    click.echo(f"The cached history of {count_text(accounts, 'account')} was written again.")


def _data_folder(context: CommandContext) -> Path:
    options = {option.variable: option.value for option in context.installation.options()}
    return Path(options["DASHTAM_DATA"])


def _report_text(report: ReportShape) -> str:
    lines = [f"WRONG  {finding.detail}" for finding in report.findings]
    if report.found > len(report.findings):
        lines.append(f"WRONG  and {count_text(report.found - len(report.findings), 'thing')} more")
    lines += [f"note   {remark}" for remark in report.remarks]
    lines += [
        f"erased {count_text(one.snapshots, 'snapshot')} of user {one.user_id},"
        f" {instant_text(one.erased_at)}"
        for one in report.erasures
    ]
    lines.append(
        f"Checked {count_text(report.snapshots, 'snapshot')} of"
        f" {count_text(report.accounts, 'account')}, {count_text(report.syncs, 'sync')} and"
        f" {count_text(report.retractions, 'retraction')}:"
        f" {count_text(report.found, 'thing') + ' wrong' if report.found else 'all as recorded'}."
    )
    return "\n".join(lines)
