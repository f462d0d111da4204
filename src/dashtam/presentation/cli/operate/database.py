"""``dashtam db``: the database as a whole."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from dashtam.application.history.verification import Finding, VerificationReport, verify
from dashtam.presentation.cli.context import CommandContext, Group, notify, pass_command_context
from dashtam.presentation.cli.tables import answer, count_text, instant_text
from dashtam.presentation.schemas.base import Shape


class ErasureShape(Shape):
    """That a user's rows were removed."""

    user_id: UUID
    erased_at: datetime
    snapshots: int


class ReportShape(Shape):
    """What was looked at, and what is not as it was recorded."""

    accounts: int
    snapshots: int
    syncs: int
    retractions: int
    erasures: list[ErasureShape]
    found: int
    findings: Sequence[Finding]
    remarks: Sequence[str]


@click.group(cls=Group)
def db() -> None:
    """Upgrade, back up, restore and verify the database."""


@db.command()
@pass_command_context
def upgrade(context: CommandContext) -> None:
    """Bring the schema to what this version needs.

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
@pass_command_context
def backup(context: CommandContext, folder: Path | None) -> None:
    """Write database and key ring into a new folder inside FOLDER.

    Without FOLDER it is `backups` in the data folder. It can be done while serving. A backup holds
    the keys: guard it.
    """
    installation = context.installation
    click.echo(installation.backup(folder or _data(context) / "backups"))


@db.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@pass_command_context
def restore(context: CommandContext, folder: Path) -> None:
    """Put a backup in the place of database and key ring.

    What was there is kept aside.
    """
    context.confirm(f"Put {folder} in the place of what is in {_data(context)}?")
    context.installation.restore(folder)
    notify(f"{folder} is in place. `dashtam db verify` looks it over.")


@db.command("verify")
@click.pass_context
@pass_command_context
def verify_database(context: CommandContext, click_context: click.Context) -> None:
    """Check that every snapshot is what was recorded.

    Follows each account's hash chain from the first snapshot to the last, and compares what each
    run says it recorded with what is there, so that none can be missing. Exit status 1 when
    anything is wrong.
    """
    report = verify(context.services.database)
    answer(context, _shape(report), lambda: _text(report))
    if report.found:
        click_context.exit(1)


def _data(context: CommandContext) -> Path:
    options = {option.variable: option.value for option in context.installation.options()}
    return Path(options["DASHTAM_DATA"])


def _shape(report: VerificationReport) -> ReportShape:
    return ReportShape(
        accounts=report.accounts,
        snapshots=report.snapshots,
        syncs=report.syncs,
        retractions=report.retractions,
        erasures=[
            ErasureShape(user_id=one.user_id, erased_at=one.erased_at, snapshots=one.snapshots)
            for one in report.erasures
        ],
        found=report.found,
        findings=report.findings,
        remarks=report.remarks,
    )


def _text(report: VerificationReport) -> str:
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
