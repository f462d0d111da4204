"""Snapshots that lie ready as they are sent: cut out of their pages, and put into an answer.

A page is the JSON of its snapshots, with commas between. Nothing in a snapshot is free text, so its
braces and names stand nowhere else.
"""

from collections.abc import Callable, Sequence
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
from dashtam.presentation.schemas.snapshots import Snapshot, snapshot_shape, summarised, totalled

_BEGIN: Final = b'{"id":"'
_BETWEEN: Final = b"},{"
_ACCOUNT_AT: Final = len(_BEGIN) + 36 + len(b'",')
_CAPTURED: Final = b'"captured_at":"'
_CHANGE: Final = b'"change_amount":'
_NO_CHANGE: Final = b'"change_amount":null,"change_percent":null}'


class _Balance(msgspec.Struct):
    balance: str
    currency: str


_decode = msgspec.json.Decoder(_Balance).decode
_decode_all = msgspec.json.Decoder(list[_Balance]).decode


def rendered(changed: ChangedSnapshot) -> bytes:
    """Return a snapshot as it is sent."""
    return msgspec.json.encode(snapshot_shape(changed))


def belongs(page: bytes, account_id: UUID) -> bool:
    """Tell whether a page is one of this account."""
    return page.startswith(b'"account_id":"%s"' % str(account_id).encode(), _ACCOUNT_AT)


def history_json(pages: CachedHistory, period: Period) -> bytes:
    """Return the answer of a history.

    Raises:
        NotReadyError: nothing lies in the period.
    """
    count = sum(pages.snapshot_counts)
    sent = b",".join(pages.chunks)
    begin = _place(sent, len(pages.chunks[0]), _before(period.start))
    tail = len(sent) - len(pages.chunks[-1])
    end = tail + _place(sent[tail:], len(sent) - tail, _upto(period.end))
    if begin >= end:
        raise CacheMissError
    count -= sent.count(_BEGIN, 0, begin) + sent.count(_BEGIN, end)
    # Its comma, where others follow.
    end -= end < len(sent)
    after_first = sent.find(_BETWEEN, begin, end) + 1 or end
    first = sent[begin:after_first]
    first = first[: first.rindex(_CHANGE)] + _NO_CHANGE
    last = sent[sent.rindex(_BEGIN, begin, end) : end]
    return _answer([first, sent[after_first:end]], count, first, last)


def recent_json(pages: CachedHistory, limit: int) -> bytes:
    """Return the answer of a recent list, newest first."""
    parts = b",".join(pages.chunks)[1:-1].rsplit(_BETWEEN, limit)
    count = min(sum(pages.snapshot_counts), limit)
    shown = [b"{%s}" % part for part in parts[-count:]]
    return _answer([b",".join(reversed(shown))], count, shown[0], shown[-1])


def latest_json(balances: Sequence[CachedBalance]) -> bytes:
    """Return the answer of the latest balances."""
    sent = b"[%s]" % b",".join([balance.snapshot for balance in balances])
    money = [_money(balance) for balance in _decode_all(sent)]
    totals = totals_by_currency(money)
    return msgspec.json.encode(totalled(_as_sent(sent), len(money), totals))


def _answer(snapshots: Sequence[bytes], count: int, first: bytes, last: bytes) -> bytes:
    start, end = _money(_decode(first)), _money(_decode(last))
    history = BalanceHistory((), end.currency, start, end, Change.between(start, end))
    sent = _as_sent(b"[%s]" % b"".join(snapshots))
    return msgspec.json.encode(summarised(sent, count, history))


def _as_sent(snapshots: bytes) -> list[Snapshot]:
    # The encoder puts it where the list would go.
    return cast("list[Snapshot]", msgspec.Raw(snapshots))


def _money(balance: _Balance) -> Money:
    return Money(Decimal(balance.balance), Currency.of(balance.currency))


def _before(instant: datetime) -> Callable[[bytes], bool]:
    bound = _text(instant)
    return lambda captured: captured < bound


def _upto(instant: datetime) -> Callable[[bytes], bool]:
    bound = _text(instant)
    return lambda captured: captured <= bound


def _text(instant: datetime) -> bytes:
    # Without its Z an instant that has a fraction sorts behind one that has none.
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat().encode()


def _place(sent: bytes, end: int, is_before: Callable[[bytes], bool]) -> int:
    """Return where the first of the snapshots begins for which ``is_before`` does not hold."""
    low, high = 0, end
    while low < high:
        middle = sent.rfind(_BEGIN, low, (low + high) // 2 + len(_BEGIN))
        at = sent.index(_CAPTURED, middle) + len(_CAPTURED)
        if is_before(sent[at : sent.index(b'Z"', at)]):
            following = sent.find(_BEGIN, middle + 1, high)
            low = high if following < 0 else following
        else:
            high = middle
    return low
