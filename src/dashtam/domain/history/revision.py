"""Revisions: the changes of an account's past, each with its author."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from dashtam.domain.account import AccountSettings
from dashtam.domain.history.account_event import AccountEvent, EventKind
from dashtam.domain.period import MIN_INSTANT
from dashtam.domain.sync import SyncId, SyncKind

_DAY: Final = timedelta(days=1)


class RevisionKind(StrEnum):
    """The way in which the past changed.

    A backfill is a run that recorded balances of before the newest one that stood then.
    """

    CORRECTION = "correction"
    RETRACTION = "retraction"
    SYNC_RETRACTION = "sync_retraction"
    BACKFILL = "backfill"
    SETTINGS = "settings"
    RELEASE = "release"
    REJECTION = "rejection"


class Actor(StrEnum):
    """The author of a change of the past; imports and typed balances are their owner's."""

    OWNER = "owner"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of an account's past; ``id`` orders those of one instant.

    ``sync_id`` is the run that recorded, was retracted or decided, None without one. The next three
    are of the snapshots that it is about; None where it is about the account.
    """

    id: UUID
    at: datetime
    kind: RevisionKind
    by: Actor
    detail: str
    sync_id: SyncId | None = None
    first_captured_at: datetime | None = None
    last_captured_at: datetime | None = None
    points: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run with its snapshots of one account, also those that do not count.

    ``unamended_until`` is the last instant of those that no event is about, None without one.
    """

    sync_id: SyncId
    kind: SyncKind
    first_sequence: int
    recorded_at: datetime
    finished_at: datetime
    retracted_at: datetime | None
    points: int
    first_captured_at: datetime
    last_captured_at: datetime
    unamended_until: datetime | None

    @property
    def ever_counted(self) -> bool:
        """Whether it was retracted later than it ended: an interrupted import never counted."""
        return self.retracted_at is None or self.retracted_at > self.finished_at


@dataclass(frozen=True, slots=True)
class Backfill:
    """A run, and the newest balance that stood before it."""

    run: RecordedRun
    newest_at: datetime


_SENTENCES: Final[Mapping[EventKind, tuple[RevisionKind, str]]] = {
    EventKind.CORRECTION: (RevisionKind.CORRECTION, "A balance was corrected."),
    EventKind.RETRACTION: (RevisionKind.RETRACTION, "A balance was taken back."),
    EventKind.RELEASE: (RevisionKind.RELEASE, "A held balance was released."),
    EventKind.REJECTION: (RevisionKind.REJECTION, "A held balance was rejected."),
}


def revisions_of_events(events: Iterable[AccountEvent]) -> Iterator[Revision]:
    """Yield the revisions among an account's events, which are in order.

    A hold is none: its snapshot did not stand before.
    """
    settings: AccountSettings | None = None
    for event in events:
        if event.kind is EventKind.SETTINGS:
            before, settings = settings, AccountSettings.from_content(event.values)
            detail = "" if before is None else _describe_change(before, settings)
            if detail:
                yield _revision(event, RevisionKind.SETTINGS, detail)
        elif event.kind in _SENTENCES:
            yield _revision(event, *_SENTENCES[event.kind], event.values)


def _revision(
    event: AccountEvent, kind: RevisionKind, detail: str, values: Mapping[str, Any] | None = None
) -> Revision:
    is_by_sync = kind is RevisionKind.RELEASE and event.sync_id is not None
    captured_at = None if values is None else datetime.fromisoformat(values["captured_at"])
    return Revision(
        id=UUID(int=event.number),
        at=event.recorded_at,
        kind=kind,
        by=Actor.SYNC if is_by_sync else Actor.OWNER,
        detail=detail,
        sync_id=event.sync_id,
        first_captured_at=captured_at,
        last_captured_at=captured_at,
        points=None if values is None else 1,
        reason=None if values is None else values.get("reason"),
    )


def _describe_change(before: AccountSettings, after: AccountSettings) -> str:
    """Return sentences on the settings that turn readings, nothing where none changed."""
    sentences = []
    if after.balance_sign != before.balance_sign:
        sentences.append("The sign of all balances was turned.")
    if after.currency != before.currency:
        sentences.append(f"The currency {before.currency.code} became {after.currency.code}.")
    if after.is_hidden != before.is_hidden:
        sentences.append(f"The account was {'hidden' if after.is_hidden else 'shown again'}.")
    if after.closed_at is None and before.closed_at is not None:
        sentences.append("The account was opened again.")
    elif after.closed_at is not None and after.closed_at != before.closed_at:
        sentences.append(f"The account was closed as of {after.closed_at.date()}.")
    return " ".join([*sentences, *_describe_place(before, after)])


def _describe_place(before: AccountSettings, after: AccountSettings) -> list[str]:
    """Return sentences on the account's removal and its joins."""
    sentences = []
    if after.removed_at is None and before.removed_at is not None:
        sentences.append("An import brought the removed account back.")
    elif after.removed_at is not None and before.removed_at is None:
        sentences.append("The account was removed.")
    if after.joined_to is not None and after.joined_to != before.joined_to:
        sentences.append("The accounts were joined: they are one history.")
    elif after.joined_to is None and before.joined_to is not None:
        sentences.append("The accounts were separated again.")
    elif after.join_proposed_to is None and before.join_proposed_to is not None:
        sentences.append("The account counts on its own: the proposed join was declined.")
    return sentences


@dataclass(frozen=True, slots=True)
class _Temporary:
    """A balance that does not always count: ``decisions`` tell since when it does, or does not."""

    captured_at: datetime
    decisions: list[tuple[datetime, bool]]

    def stood_at(self, at: datetime) -> bool:
        """Tell whether it counted at an instant."""
        return next((counts for since, counts in reversed(self.decisions) if since <= at), True)


def find_backfills(
    runs: Iterable[RecordedRun], events: Sequence[AccountEvent]
) -> Iterator[Backfill]:
    """Yield the runs that recorded balances of before the newest one that stood then.

    The runs are in order of recording. Those of corrections are left out, and live ones that go
    back by less than a day: they recorded the end of a day beside a balance within it.
    """
    amended: dict[int, _Temporary] = {}
    for event in events:
        if event.sequence is not None and event.counts is not None:
            captured_at = datetime.fromisoformat(event.values["captured_at"])
            one = amended.setdefault(event.sequence, _Temporary(captured_at, []))
            one.decisions.append((event.recorded_at, event.counts))
    pending = deque(sorted(amended.items()))
    corrections = {event.sync_id for event in events if event.kind is EventKind.CORRECTION}
    newest_at = MIN_INSTANT
    temporary: list[_Temporary] = []
    for run in runs:
        while pending and pending[0][0] < run.first_sequence:
            temporary.append(pending.popleft()[1])
        # Each of the others is older than one that always counted since.
        temporary = [one for one in temporary if one.captured_at > newest_at]
        stood = (one.captured_at for one in temporary if one.stood_at(run.recorded_at))
        before_at = max(stood, default=newest_at)
        least = _DAY if run.kind is SyncKind.LIVE else timedelta()
        is_older = before_at - run.first_captured_at > least
        if is_older and run.ever_counted and run.sync_id not in corrections:
            yield Backfill(run, before_at)
        if run.unamended_until is None:
            continue
        if run.retracted_at is None:
            newest_at = max(newest_at, run.unamended_until)
        else:
            temporary.append(_Temporary(run.unamended_until, [(run.retracted_at, False)]))
