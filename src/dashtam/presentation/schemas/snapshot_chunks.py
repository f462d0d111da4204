"""Answers that are cut out of cached chunks of an account's history.

A chunk is the JSON of its snapshots, with commas between them. No field of a snapshot is free
text, so the braces and names that are searched for occur nowhere else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

import msgspec

from dashtam.database.history_cache.drivers import CacheMissError
from dashtam.database.history_cache.history_cache import CachedBalance, CachedHistory
from dashtam.domain.history.balance_history import (
    BalanceHistory,
    Change,
    ChangedSnapshot,
    totals_by_currency,
)
from dashtam.domain.money import Currency, Money
from dashtam.domain.period import Period
from dashtam.presentation.schemas.snapshots import (
    Snapshot,
    build_history,
    build_latest,
    snapshot_shape,
)

_BEGIN: Final = b'{"id":"'
_BETWEEN: Final = b"},{"
_ACCOUNT_ID_AT: Final = len(_BEGIN) + 36 + len(b'",')
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


def is_of_account(chunk: bytes, account_id: UUID) -> bool:
    """Tell whether a chunk belongs to the account."""
    return chunk.startswith(b'"account_id":"%s"' % str(account_id).encode(), _ACCOUNT_ID_AT)


def history_json(cached: CachedHistory, period: Period) -> bytes:
    """Return the answer of a history.

    Raises:
        CacheMissError: the period has no snapshot.
    """
    snapshots = b",".join(cached.chunks)
    begin = _search(snapshots, len(cached.chunks[0]), period.start, is_included=True)
    tail = len(snapshots) - len(cached.chunks[-1])
    last_chunk = snapshots[tail:]
    end = tail + _search(last_chunk, len(last_chunk), period.end, is_included=False)
    if begin >= end:
        raise CacheMissError
    count = sum(cached.snapshot_counts)
    count -= snapshots.count(_BEGIN, 0, begin) + snapshots.count(_BEGIN, end)
    # Without the comma before the snapshots that are left out.
    end -= end < len(snapshots)
    after_first = snapshots.find(_BETWEEN, begin, end) + 1 or end
    first = snapshots[begin:after_first]
    first = first[: first.rindex(_CHANGE)] + _NO_CHANGE
    last = snapshots[snapshots.rindex(_BEGIN, begin, end) : end]
    return _history_json(first + snapshots[after_first:end], count, first, last)


def recent_json(cached: CachedHistory, limit: int) -> bytes:
    """Return the answer of a recent list, newest first."""
    parts = b",".join(cached.chunks)[1:-1].rsplit(_BETWEEN, limit)
    count = min(sum(cached.snapshot_counts), limit)
    shown = [b"{%s}" % part for part in parts[-count:]]
    return _history_json(b",".join(reversed(shown)), count, shown[0], shown[-1])


def latest_json(balances: Sequence[CachedBalance]) -> bytes:
    """Return the answer of the latest balances."""
    snapshots = b"[%s]" % b",".join([balance.snapshot for balance in balances])
    amounts = [balance.money for balance in _decode_all(snapshots)]
    totals = totals_by_currency(amounts)
    return msgspec.json.encode(build_latest(_as_list(snapshots), len(amounts), totals))


def _history_json(snapshots: bytes, count: int, earliest: bytes, latest: bytes) -> bytes:
    start, end = _decode(earliest).money, _decode(latest).money
    summary = BalanceHistory((), end.currency, start, end, Change.between(start, end))
    return msgspec.json.encode(build_history(_as_list(b"[%s]" % snapshots), count, summary))


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
