"""``dashtam holds``: live balances that wait for their owner's word."""

from uuid import UUID

import click

from dashtam.application.history import accounts
from dashtam.application.history import holds as owned
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.hold import HoldDecision
from dashtam.presentation.cli.context import CommandContext, Group, with_context
from dashtam.presentation.cli.resolve import list_all, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, captured_text
from dashtam.presentation.routers.api.v1.holds import HoldList, hold_shape


@click.group(cls=Group)
def holds() -> None:
    """List balances that are likely wrong, and decide on them."""


@holds.command("list")
@with_context
def list_holds(context: CommandContext) -> None:
    """List the balances that are held, the newest first."""
    with context.database.read() as work:
        user = resolve_user(context, work)
        found = owned.list_open(work, user.id)
        names = {
            one.account.id: one.account.name for one in list_all(work, user, accounts.list_for_user)
        }
    shapes = [hold_shape(hold) for hold in found]
    rows = [
        (
            names[hold.snapshot.account_id],
            shape.balance,
            shape.previous_balance,
            shape.currency,
            captured_text(hold.snapshot),
            shape.detail,
            shape.id,
        )
        for hold, shape in zip(found, shapes, strict=True)
    ]
    headings = ("ACCOUNT", "HELD", "BEFORE", "", "CAPTURED", "WHY", "ID")
    answer_table(context, HoldList(shapes, len(shapes)), headings, rows, numbers="HELD BEFORE")


@holds.command()
@click.argument("hold_id", type=click.UUID)
@with_context
def release(context: CommandContext, hold_id: UUID) -> None:
    """Let a held balance count: it is right."""
    _decide(context, hold_id, HoldDecision.RELEASE)


@holds.command()
@click.argument("hold_id", type=click.UUID)
@with_context
def reject(context: CommandContext, hold_id: UUID) -> None:
    """Let a held balance never count: it is wrong."""
    _decide(context, hold_id, HoldDecision.REJECT)


def _decide(context: CommandContext, hold_id: UUID, decision: HoldDecision) -> None:
    with context.database.write() as work:
        user = resolve_user(context, work)
        shape = hold_shape(owned.decide(work, user.id, SnapshotId(hold_id), decision))
    result = "counts" if decision is HoldDecision.RELEASE else "does not count"
    answer(context, shape, lambda: f"{shape.balance} {shape.currency} {result}.")
