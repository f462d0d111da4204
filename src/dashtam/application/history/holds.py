"""Holds: listing them, and their owner's decision."""

from collections.abc import Sequence
from dataclasses import replace

from dashtam.application.history import accounts, capture
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import Conflict, NotFound
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.hold import Hold, HoldDecision
from dashtam.domain.user import UserId


class HoldNotFound(NotFound):
    """No snapshot of the user's with this id was ever held."""

    detail = "Hold not found"


class HoldDecided(Conflict):
    """The hold has another decision already."""

    detail = "This was decided already. Correct or retract the snapshot instead."


def list_open(work: UnitOfWork, user_id: UserId) -> Sequence[Hold]:
    """Return the user's snapshots that are held, the newest first."""
    joins = work.account_joins.of_user(user_id)
    found = (hold for hold in work.balance_snapshots.holds(user_id) if hold.decision is None)
    return [
        replace(
            hold,
            snapshot=replace(hold.snapshot, account_id=joins.root_of(hold.snapshot.account_id)),
        )
        for hold in found
    ]


def decide(
    work: UnitOfWork, user_id: UserId, snapshot_id: SnapshotId, decision: HoldDecision
) -> Hold:
    """Let a held snapshot count or never count, and return its hold; twice is the same as once.

    Raises:
        HoldNotFound: none of the user's snapshots with this id was held.
        HoldDecided: the opposite was decided.
    """
    work.users.lock_for_recording(user_id)
    account_id = _find(work, user_id, snapshot_id).snapshot.account_id
    account = accounts.load_single(work, user_id, account_id)
    # A sync that releases it holds this lock until its commit.
    work.account_heads.lock([account])
    hold = _find(work, user_id, snapshot_id)
    if hold.decision is decision:
        return hold
    if hold.decision is not None:
        raise HoldDecided
    if decision is HoldDecision.RELEASE:
        capture.release(work, account, [hold])
        work.record_event("hold_released", user_id, snapshot_id)
    else:
        capture.reject(work, account, hold)
        work.record_event("hold_rejected", user_id, snapshot_id)
    return replace(hold, decision=decision, decided_at=work.now)


def _find(work: UnitOfWork, user_id: UserId, snapshot_id: SnapshotId) -> Hold:
    found = work.balance_snapshots.holds(user_id)
    hold = next((one for one in found if one.snapshot.id == snapshot_id), None)
    if hold is None:
        raise HoldNotFound
    return hold
