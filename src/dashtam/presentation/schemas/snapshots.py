"""Balance snapshots as they are sent, and the answers that hold several.

The history cache keeps chunks: the JSON of an account's snapshots, with a comma behind each. Its
answers are cut out of them. No field of a snapshot is free text, so the braces and names that are
searched for occur nowhere else.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Final, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dashtam.application.history.balance_snapshots import LatestBalances
from dashtam.database.history_cache.chunk_format import Segment
from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import CachedBalance, CachedHistory
from dashtam.domain.history.balance_history import (
    BalanceHistory,
    ChangedSnapshot,
    totals_by_currency,
)
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.history.evidence import UNAMENDED, Amendments, HoldNote
from dashtam.domain.history.hold import HoldDecision, HoldRule
from dashtam.domain.money import Change, Currency, Money, amount_text
from dashtam.domain.period import Period, Precision
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Instant, Shape, SumText

Percent = Annotated[
    float, Meta(description="Rounded half away from zero to two decimals.", examples=[2.04])
]

# The document's own three snapshots; the first has nothing to change from.
_JANUARY = {
    "id": "550e8400-e29b-41d4-a716-446655440001",
    "account_id": examples.ACCOUNT_ID,
    "balance": "20000.00",
    "available_balance": "19500.00",
    "holdings_value": "17000.00",
    "cash_value": "3000.00",
    "currency": "USD",
    "source": "account_sync",
    "captured_at": "2025-01-15T10:00:00Z",
    "created_at": "2025-01-15T10:00:00Z",
    "change_amount": None,
    "change_percent": None,
}
_JUNE = _JANUARY | {
    "id": "550e8400-e29b-41d4-a716-446655440002",
    "balance": "22500.00",
    "available_balance": "22000.00",
    "holdings_value": "19500.00",
    "source": "holdings_sync",
    "captured_at": "2025-06-15T10:00:00Z",
    "created_at": "2025-06-15T10:00:00Z",
    "change_amount": "2500.00",
    "change_percent": 12.5,
}
_DECEMBER = _JUNE | {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "balance": "25000.00",
    "available_balance": "24500.00",
    "holdings_value": "22000.00",
    "captured_at": examples.CAPTURED_AT,
    "created_at": examples.CAPTURED_AT,
    "change_amount": "500.00",
    "change_percent": 2.04,
}


class HoldEvidence(Shape):
    """A live balance that was likely wrong, by this rule, and the decision about it.

    Without a decision it is held. A released one counts, a rejected one never does.
    """

    rule: HoldRule
    held_at: Instant
    decision: HoldDecision | None
    decided_at: Instant | None

    example: ClassVar = {
        "rule": "sudden_zero",
        "held_at": examples.CAPTURED_AT,
        "decision": None,
        "decided_at": None,
    }


class Evidence(Shape):
    """The origin of a balance, how exactly its time is known, and its later amendments.

    `basis`: observed by a live sync, reported by a file or as a provider's older balance, interim
    where a file reports no closing booked balance, or entered by the owner. `precision` is day
    where only the calendar day is known: `captured_at` is then its noon, and the balance belongs to
    that day in every time zone. `as_of` is the provider's own instant, null without one. `sync_id`
    names the run.

    `supersedes` is the snapshot that this one corrects. `superseded_at` and `retracted_at` tell
    since when the snapshot does not count. All three are null for most snapshots, as is `hold`.
    """

    basis: Basis
    precision: Precision
    as_of: Instant | None
    sync_id: UUID
    supersedes: UUID | None
    superseded_at: Instant | None
    retracted_at: Instant | None
    hold: HoldEvidence | None

    example: ClassVar = {
        "basis": "observed",
        "precision": "instant",
        "as_of": None,
        "sync_id": examples.SYNC_ID,
        "supersedes": None,
        "superseded_at": None,
        "retracted_at": None,
        "hold": None,
    }


class Snapshot(Shape):
    """One recorded balance: the document's twelve fields, in its order.

    `evidence` follows them with `detail=evidence`.
    """

    id: UUID
    account_id: UUID
    balance: AmountText
    available_balance: AmountText | None
    holdings_value: AmountText | None
    cash_value: AmountText | None
    currency: CurrencyCode
    source: SnapshotSource
    captured_at: Instant
    created_at: Instant
    change_amount: SumText | None
    change_percent: Percent | None
    evidence: Evidence | UnsetType = UNSET

    example: ClassVar = _DECEMBER | {"source": "manual_sync"}


class LatestSnapshots(Shape):
    """The most recent snapshot of each account."""

    snapshots: list[Snapshot]
    total_count: int
    total_balance_by_currency: dict[str, SumText]

    example: ClassVar = {
        "snapshots": [_DECEMBER],
        "total_count": 1,
        "total_balance_by_currency": {"USD": "25000.00"},
    }


class SnapshotHistory(Shape):
    """Snapshots of one account, and their summary."""

    snapshots: list[Snapshot]
    total_count: int
    start_balance: AmountText | None
    end_balance: AmountText | None
    total_change_amount: SumText | None
    total_change_percent: Percent | None
    currency: CurrencyCode

    example: ClassVar = {
        "snapshots": [_JANUARY, _JUNE],
        "total_count": 2,
        "start_balance": "20000.00",
        "end_balance": "22500.00",
        "total_change_amount": "2500.00",
        "total_change_percent": 12.5,
        "currency": "USD",
    }


def snapshot_shape(
    changed: ChangedSnapshot, amendments: Mapping[SnapshotId, Amendments] | None = None
) -> Snapshot:
    """Return a snapshot as it is sent, with its evidence if its amendments are given."""
    snapshot, change = changed.snapshot, changed.change
    # Field by field: this is called 50,000 times for one long history.
    return Snapshot(
        id=snapshot.id,
        account_id=snapshot.account_id,
        balance=str(snapshot.balance),
        available_balance=amount_text(snapshot.available_balance),
        holdings_value=amount_text(snapshot.holdings_value),
        cash_value=amount_text(snapshot.cash_value),
        currency=snapshot.balance.currency.code,
        source=snapshot.source,
        captured_at=snapshot.captured_at,
        created_at=snapshot.created_at,
        change_amount=None if change is None else str(change.amount),
        change_percent=None if change is None else change.percent,
        evidence=UNSET
        if amendments is None
        else _evidence_shape(snapshot, amendments.get(snapshot.id, UNAMENDED)),
    )


def _evidence_shape(snapshot: BalanceSnapshot, amendments: Amendments) -> Evidence:
    hold = amendments.hold
    return Evidence(
        basis=snapshot.basis,
        precision=snapshot.precision,
        as_of=snapshot.as_of,
        sync_id=snapshot.sync_id,
        supersedes=amendments.supersedes,
        superseded_at=amendments.superseded_at,
        retracted_at=amendments.retracted_at,
        hold=None if hold is None else _hold_shape(hold),
    )


def _hold_shape(hold: HoldNote) -> HoldEvidence:
    return HoldEvidence(hold.rule, hold.held_at, hold.decision, decided_at=hold.decided_at)


def latest_shape(
    latest: LatestBalances, amendments: Mapping[SnapshotId, Amendments] | None = None
) -> LatestSnapshots:
    """Return the latest balances as they are sent, with their evidence if amendments are given."""
    shapes = [snapshot_shape(changed, amendments) for changed in latest.snapshots]
    return build_latest(shapes, len(shapes), latest.totals)


def build_latest(
    snapshots: list[Snapshot], count: int, totals: Mapping[str, Money]
) -> LatestSnapshots:
    """Return each account's latest snapshot, their count, and their totals by currency code."""
    sums = {code: str(total) for code, total in totals.items()}
    return LatestSnapshots(snapshots, count, sums)


def history_shape(
    history: BalanceHistory, amendments: Mapping[SnapshotId, Amendments] | None = None
) -> SnapshotHistory:
    """Return a history as it is sent, with its evidence if amendments are given."""
    shapes = [snapshot_shape(changed, amendments) for changed in history.snapshots]
    return build_history(shapes, len(shapes), history)


def build_history(
    snapshots: list[Snapshot], count: int, history: BalanceHistory
) -> SnapshotHistory:
    """Return snapshots, their count, and the history's summary of them."""
    change = history.change
    return SnapshotHistory(
        snapshots=snapshots,
        total_count=count,
        start_balance=amount_text(history.start),
        end_balance=amount_text(history.end),
        total_change_amount=None if change is None else str(change.amount),
        total_change_percent=None if change is None else change.percent,
        currency=history.currency.code,
    )


_BEGIN: Final = b'{"id":"'
_BETWEEN: Final = b"},{"
_END: Final = b"},"
_CAPTURED_AT: Final = b'"captured_at":"'
_CHANGE: Final = b'"change_amount":'
_NO_CHANGE: Final = b'"change_amount":null,"change_percent":null}'


class _Balance(msgspec.Struct):
    balance: str
    currency: str

    @property
    def money(self) -> Money:
        return Money(Decimal(self.balance), Currency.of(self.currency))


_decode = msgspec.json.Decoder(_Balance).decode
_decode_all = msgspec.json.Decoder(list[_Balance]).decode


def render_snapshot(changed: ChangedSnapshot) -> bytes:
    """Return the JSON of a snapshot."""
    return msgspec.json.encode(snapshot_shape(changed))


def parse_balance(rendered: bytes) -> Money:
    """Return the balance in the JSON of a snapshot."""
    return _decode(rendered).money


def history_parts(cached: CachedHistory, period: Period) -> list[bytes | Segment]:
    """Return the answer of a history: its ends as JSON, the chunks between as they are stored.

    Raises:
        CacheMissError: the period has no snapshot.
        DamagedError: a chunk is damaged.
    """
    segments, counts = list(cached.segments), list(cached.snapshot_counts)
    last = segments[-1].inflate()
    end = _search(last, len(last), period.end, is_included=False)
    if end == 0 and len(segments) > 1:
        # The last chunk begins before the end of the period, and its snapshots come after it.
        segments, counts = segments[:-1], counts[:-1]
        last = segments[-1].inflate()
        end = len(last)
    first = last if len(segments) == 1 else segments[0].inflate()
    begin = _search(first, len(first), period.start, is_included=True)
    if begin >= (end if len(segments) == 1 else len(first)):
        raise CacheMissError
    count = sum(counts) - first.count(_BEGIN, 0, begin) - last.count(_BEGIN, end)
    earliest_end = first.index(_END, begin) + 1
    earliest = first[begin:earliest_end]
    earliest = earliest[: earliest.rindex(_CHANGE)] + _NO_CHANGE
    latest = last[last.rindex(_BEGIN, 0, end) : end - 1]
    if count == 1:
        latest = earliest
    head, tail = _around_snapshots(count, earliest, latest)
    if len(segments) == 1:
        return [head + earliest + last[earliest_end : end - 1] + tail]
    return [head + earliest + first[earliest_end:], *segments[1:-1], last[: end - 1] + tail]


def recent_parts(cached: CachedHistory, limit: int) -> list[bytes | Segment]:
    """Return the answer of a recent list, newest first.

    Raises:
        DamagedError: a chunk is damaged.
    """
    content = b"".join(segment.inflate() for segment in cached.segments)
    parts = content[1:-2].rsplit(_BETWEEN, limit)
    count = min(sum(cached.snapshot_counts), limit)
    shown = [b"{%s}" % part for part in parts[-count:]]
    head, tail = _around_snapshots(count, shown[0], shown[-1])
    return [head + b",".join(reversed(shown)) + tail]


def latest_json(balances: Sequence[CachedBalance]) -> bytes:
    """Return the answer of the latest balances."""
    snapshots = b"[%s]" % b",".join([balance.snapshot for balance in balances])
    amounts = [balance.money for balance in _decode_all(snapshots)]
    totals = totals_by_currency(amounts)
    return msgspec.json.encode(build_latest(_as_list(snapshots), len(amounts), totals))


def _around_snapshots(count: int, earliest: bytes, latest: bytes) -> tuple[bytes, bytes]:
    """Return the JSON of a history before and behind its snapshots."""
    start, end = _decode(earliest).money, _decode(latest).money
    summary = BalanceHistory((), end.currency, start, end, Change.between(start, end))
    head, _, tail = msgspec.json.encode(build_history([], count, summary)).partition(b"[]")
    return head + b"[", b"]" + tail


def _as_list(snapshots: bytes) -> list[Snapshot]:
    # The encoder writes raw JSON in place of the list.
    return cast("list[Snapshot]", msgspec.Raw(snapshots))


def _search(snapshots: bytes, end: int, bound: datetime, *, is_included: bool) -> int:
    """Return where the first snapshot after the bound begins, ``end`` where none begins before it.

    With ``is_included`` a snapshot at the bound counts too.
    """
    # Without its Z an instant that has a fraction sorts behind one that has none.
    text = bound.astimezone(UTC).replace(tzinfo=None).isoformat().encode()
    low, high = 0, end
    while low < high:
        middle = snapshots.rfind(_BEGIN, low, (low + high) // 2 + len(_BEGIN))
        at = snapshots.index(_CAPTURED_AT, middle) + len(_CAPTURED_AT)
        captured_at = snapshots[at : snapshots.index(b'Z"', at)]
        if captured_at < text or (captured_at == text and not is_included):
            following = snapshots.find(_BEGIN, middle + 1, high)
            low = high if following < 0 else following
        else:
            high = middle
    return low
