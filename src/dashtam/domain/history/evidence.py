"""Evidence: the later events about snapshots."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from dashtam.domain.history.account_event import AccountEvent, EventKind
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, SnapshotId
from dashtam.domain.history.hold import DECISIONS, HoldDecision, HoldRule


class Exclusion(StrEnum):
    """Why a snapshot does not count; a rejected one is still held."""

    SUPERSEDED = "superseded"
    RETRACTED = "retracted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class HoldNote:
    """A hold of a snapshot, and the decision about it, None while there is none."""

    rule: HoldRule
    held_at: datetime
    decision: HoldDecision | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Amendments:
    """The events about one snapshot; None where there is none of the kind.

    ``supersedes`` is the snapshot that this one corrects.
    """

    supersedes: SnapshotId | None = None
    superseded_at: datetime | None = None
    retracted_at: datetime | None = None
    hold: HoldNote | None = None


@dataclass(frozen=True, slots=True)
class PlacedSnapshot:
    """A snapshot in the order of its account's history, and whether it counts.

    ``sync_retracted_at`` is the time at which its run was retracted.
    """

    snapshot: BalanceSnapshot
    counts: bool
    sync_retracted_at: datetime | None


UNAMENDED: Final = Amendments()


def collect_amendments(events: Iterable[AccountEvent]) -> dict[SnapshotId, Amendments]:
    """Return the amendments of each snapshot that the events, in order, are about."""
    found: dict[SnapshotId, Amendments] = {}
    for event in events:
        values, at = event.values, event.recorded_at
        snapshot_id = _parse_id(values["snapshot_id"])
        known = found.get(snapshot_id, UNAMENDED)
        if event.kind is EventKind.RETRACTION:
            known = replace(known, retracted_at=at)
        elif event.kind is EventKind.CORRECTION:
            known = replace(known, superseded_at=at)
            correction_id = _parse_id(values["superseded_by"])
            found[correction_id] = Amendments(supersedes=snapshot_id)
        elif event.kind is EventKind.HOLD:
            known = replace(known, hold=HoldNote(HoldRule(values["rule"]), at))
        elif known.hold is not None:
            decided = replace(known.hold, decision=DECISIONS[event.kind], decided_at=at)
            known = replace(known, hold=decided)
        found[snapshot_id] = known
    return found


def _parse_id(text: str) -> SnapshotId:
    return SnapshotId(UUID(text))
