"""The hash chain over an account's snapshots, in order of recording."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.money import Currency
from dashtam.domain.period import to_microseconds
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, SyncId

GENESIS = bytes(32)
"""The digest before the first link of every chain."""

# The most digests that one link is compared with, so that a long run of wrong links costs no more.
_MAX_ENDS = 16


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
    """A record and its digest (32 bytes), which covers every earlier record of the account."""

    record: Record
    digest: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of an account's chain: the number of links and the last digest (32 bytes)."""

    length: int
    head: bytes


def link_records(chain: Chain, records: Iterable[Record]) -> Iterator[Link]:
    """Yield the records as the links that follow the end of the chain."""
    previous, shared = chain.head, None
    for record in records:
        if shared is None or not shared.is_of(record):
            shared = _Shared.of(record)
        previous = _digest(previous, record, shared)
        yield Link(record, previous)


def find_breaks(chain: Chain, links: Iterable[Link]) -> Iterator[int]:
    """Yield the sequence numbers of links that differ from the recorded ones.

    A link is sound if its digest follows from a link before it, even from a wrong one, but for the
    first links behind a long run of wrong ones. Of consecutive missing links only the first is
    reported; missing links at the end are reported as the number after the last link.

    Args:
        chain: the end of the chain as the account stores it.
        links: every stored link, in order of recording.
    """
    expected, ends = 1, {GENESIS}
    for stored in links:
        record = stored.record
        if record.sequence > expected:
            yield expected
            # The link before this one is missing, so that its digest cannot be checked.
            expected, ends = record.sequence + 1, {stored.digest}
            continue
        shared = _Shared.of(record)
        digests = {_digest(end, record, shared) for end in ends}
        if record.sequence == expected and stored.digest in digests:
            ends = {stored.digest}
        else:
            yield record.sequence
            # Either the record or the digest is wrong; the next link may follow from both.
            ends = {stored.digest} | digests | (ends if record.sequence < expected else set())
            ends = ends if len(ends) <= _MAX_ENDS else {stored.digest}
        expected = max(expected, record.sequence + 1)
    if expected != chain.length + 1 or chain.head not in ends:
        yield expected


@dataclass(frozen=True, slots=True)
class _Shared:
    """The digested text of the fields that the records of one sync have in common."""

    record: Record
    account: str
    sync: str
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
        # Identical objects: comparing their values would take as long as formatting them.
        first = self.record
        return (
            record.account_id is first.account_id
            and record.sync_id is first.sync_id
            and record.source is first.source
            and record.currency is first.currency
            and record.created_at is first.created_at
        )


def _digest(previous: bytes, record: Record, shared: _Shared) -> bytes:
    """Return the SHA-256 over the previous digest and every stored field of the record."""
    reading = record.reading
    text = (
        f"{record.id.hex}\n{shared.account}\n{record.sequence}\n{shared.sync}\n"
        f"{_amount(reading.balance)}\n{_amount(reading.available_balance)}\n"
        f"{_amount(reading.holdings_value)}\n{_amount(reading.cash_value)}\n"
        f"{_instant(reading.captured_at)}\n{_instant(reading.as_of)}\n{shared.created_at}"
    )
    return sha256(previous + text.encode("ascii")).digest()


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else format(amount, "f")


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else str(to_microseconds(instant))
