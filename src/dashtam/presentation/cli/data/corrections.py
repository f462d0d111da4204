"""``dashtam snapshot``: correcting one snapshot, or taking it back."""

from uuid import UUID

import click

from dashtam.application.imports import corrections
from dashtam.application.syncs.syncs import SnapshotNotFound
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, SnapshotId
from dashtam.domain.period import MIN_INSTANT
from dashtam.domain.statement import Reading
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.parameters import REASON
from dashtam.presentation.cli.resolve import resolve_account
from dashtam.presentation.cli.tables import answer, captured_text
from dashtam.presentation.cli.typed_balance import TAKES_AMOUNTS, parse_balance
from dashtam.presentation.schemas.snapshots import snapshot_shape


@click.group(cls=Group)
def snapshot() -> None:
    """Correct one snapshot of an account, or take it back."""


@snapshot.command()
@click.argument("account")
@click.argument("snapshot_id", type=click.UUID)
@click.option("--reason", type=REASON, help="Why.")
@with_context
def retract(context: CommandContext, account: str, snapshot_id: UUID, reason: str | None) -> None:
    """Take back one snapshot of any source.

    `dashtam snapshots ACCOUNT --evidence` names the ids. The snapshot stays in the database, and no
    history shows it.
    """
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        found = _find(work, mine, snapshot_id)
    text = f"{found.balance} {found.balance.currency.code} of {captured_text(found)}"
    context.confirm(f"Take back {text}?")
    with context.database.write() as work:
        corrections.retract(work, mine.user_id, mine.id, found.id, reason)
    notify(f"{text} taken back.")


@snapshot.command(context_settings=TAKES_AMOUNTS)
@click.argument("account")
@click.argument("snapshot_id", type=click.UUID)
@click.argument("balance")
@click.option("--reason", type=REASON, required=True, help="Why.")
@with_context
def correct(
    context: CommandContext, account: str, snapshot_id: UUID, balance: str, reason: str
) -> None:
    """Record the right balance in place of a snapshot.

    `dashtam snapshots ACCOUNT --evidence` names the ids. A debt is negative. Write 1250.50,
    1,250.50, 1.250,50 or $1250.50.
    """
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        wrong = _find(work, mine, snapshot_id)
    amount = parse_balance(context, balance, mine.currency, captured_text(wrong))
    with context.database.write() as work:
        reading = Reading(MIN_INSTANT, amount)
        typed = corrections.correct(work, mine.user_id, mine.id, wrong.id, reading, reason)
    shape = snapshot_shape(typed.snapshot)
    answer(context, shape, lambda: f"{mine.name}: {shape.balance} {shape.currency}")


def _find(work: UnitOfWork, account: Account, snapshot_id: UUID) -> BalanceSnapshot:
    stored = work.balance_snapshots.find(account.id, SnapshotId(snapshot_id))
    if stored is None:
        raise SnapshotNotFound
    return stored.record.to_snapshot(account.balance_sign)
