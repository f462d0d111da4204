"""The hash chain that ties an account's snapshots together in order of recording."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, SyncId

GENESIS = bytes(32)
"""What the first link of every chain is tied to."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What a link behind wrong ones may be tied to: more would cost ever more to look through.
_MOST_ENDS = 16


@dataclass(frozen=True, slots=True)
class Record:
    """A snapshot as it is stored: the reading as reported, and its place in the account's chain.

    ``sequence`` counts the account's snapshots from 1 in order of recording.
    """

    id: SnapshotId
    account_id: AccountId
    sequence: int
    sync_id: SyncId
    source: SnapshotSource
    currency: Currency
    reading: Reading
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A record with what ties it to all that was recorded of its account before (32 bytes)."""

    record: Record
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """Where an account's chain ends: how many links it has, and the last one (32 bytes)."""

    length: int
    head: bytes


def digest(previous: bytes, record: Record) -> bytes:
    """Return the SHA-256 over the previous digest and everything that is stored of the record."""
    return _digest(previous, record, _Shared.of(record))


def link_records(chain: Chain, records: Iterable[Record]) -> Iterator[Link]:
    """Yield the records as the links that follow the chain's last one, each tied to the one before.

    Records of one run share most of what is digested: that is written out once for all of them.
    """
    previous, shared = chain.head, None
    for record in records:
        if shared is None or not shared.is_of(record):
            shared = _Shared.of(record)
        previous = _digest(previous, record, shared)
        yield Link(record, previous)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the records of one run have in common, as it is digested."""

    record: Record
    account: str
    run: str
    created_at: str

    @staticmethod
    def of(record: Record) -> "_Shared":
        return _Shared(
            record,
            record.account_id.hex,
            f"{record.sync_id.hex}\n{record.source}\n{record.currency.code}",
            _instant(record.created_at),
        )

    def is_of(self, record: Record) -> bool:
        # The very same objects: comparing them by value would cost as much as writing them out.
        first = self.record
        return (
            record.account_id is first.account_id
            and record.sync_id is first.sync_id
            and record.source is first.source
            and record.currency is first.currency
            and record.created_at is first.created_at
        )


def _digest(previous: bytes, record: Record, shared: _Shared) -> bytes:
    reading = record.reading
    text = (
        f"{record.id.hex}\n{shared.account}\n{record.sequence}\n{shared.run}\n"
        f"{_text(reading.balance)}\n{_text(reading.available_balance)}\n"
        f"{_text(reading.holdings_value)}\n{_text(reading.cash_value)}\n"
        f"{_instant(reading.captured_at)}\n{_instant(reading.as_of)}\n{shared.created_at}"
    )
    return sha256(previous + text.encode("ascii")).digest()


def find_breaks(chain: Chain, links: Iterable[Link]) -> Iterator[int]:
    """Yield the sequence numbers at which the stored links are not what was recorded.

    A link that fits what stands before it is sound, also behind one that is not (but for one behind
    a long row of those). Of links that are missing in one place the first is told, at the end as
    the number after the last.

    Args:
        chain: what the account says of its chain.
        links: every stored link, in order of recording.
    """
    expected, ends = 1, {GENESIS}
    for stored in links:
        sequence = stored.record.sequence
        if sequence > expected:
            yield expected
            # What this link was tied to is gone, so that nobody can say whether it fits.
            expected, ends = sequence + 1, {stored.digest}
            continue
        made = {digest(end, stored.record) for end in ends}
        if sequence == expected and stored.digest in made:
            ends = {stored.digest}
        else:
            yield sequence
            # Whether the record or the digest is wrong, the next link is not wrong by that.
            ends = {stored.digest} | made | (ends if sequence < expected else set())
            ends = ends if len(ends) <= _MOST_ENDS else {stored.digest}
        expected = max(expected, sequence + 1)
    if expected != chain.length + 1 or chain.head not in ends:
        yield expected


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else format(amount, "f")


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else str((instant - _EPOCH) // _MICROSECOND)
