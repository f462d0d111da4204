"""Hash chains, and the one over an account's snapshots in order of recording."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from operator import attrgetter
from typing import Protocol

from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.money import Currency, Money, to_digits
from dashtam.domain.period import to_microseconds
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SnapshotSource, SyncId

GENESIS = bytes(32)
"""The digest before the first link of every chain."""

# The most digests that one link is compared with, so that a long run of wrong links costs no more.
_MAX_ENDS = 16

# The fields that the records of one sync have in common, so that they are formatted once.
_SHARED = attrgetter("account_id", "sync_id", "source", "basis", "currency", "created_at")


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
    basis: Basis
    currency: Currency
    reading: Reading
    created_at: datetime

    def to_snapshot(self, balance_sign: int) -> BalanceSnapshot:
        """Return the snapshot as it is read, the account's sign applied."""
        reading, currency = self.reading, self.currency
        balance = Money(reading.balance, currency)
        parts = reading.available_balance, reading.holdings_value, reading.cash_value
        available, holdings, cash = (
            None if part is None else Money(part, currency) for part in parts
        )
        return BalanceSnapshot(
            id=self.id,
            account_id=self.account_id,
            balance=balance if balance_sign == 1 else -balance,
            available_balance=available,
            holdings_value=holdings,
            cash_value=cash,
            source=self.source,
            captured_at=reading.captured_at,
            created_at=self.created_at,
            sync_id=self.sync_id,
            basis=self.basis,
            precision=reading.precision,
            as_of=reading.as_of,
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A record and its digest (32 bytes), which covers every earlier record of the account."""

    record: Record
    digest: bytes

    @property
    def number(self) -> int:
        """The record's place in the chain, from 1 on."""
        return self.record.sequence

    def digest_after(self, previous: bytes) -> bytes:
        """Return the digest that follows from the one before."""
        return _digest(previous, self.record, _format_shared(self.record))


class StoredLink(Protocol):
    """A link of any chain as it is stored; a digest has 32 bytes."""

    @property
    def number(self) -> int:
        """The place in the chain, from 1 on."""
        ...

    @property
    def digest(self) -> bytes:
        """The stored digest."""
        ...

    def digest_after(self, previous: bytes) -> bytes:
        """Return the digest that follows from the one before."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of an account's chain: the number of links and the last digest (32 bytes)."""

    length: int
    head: bytes


def link_records(chain: Chain, records: Iterable[Record]) -> Iterator[Link]:
    """Yield the records as the links that follow the end of the chain."""
    previous, shared, texts = chain.head, None, ("", "", "")
    for record in records:
        fields = _SHARED(record)
        if fields != shared:
            shared, texts = fields, _format_shared(record)
        previous = _digest(previous, record, texts)
        yield Link(record, previous)


def find_breaks(chain: Chain, links: Iterable[StoredLink]) -> Iterator[int]:
    """Yield the numbers of links that differ from the recorded ones.

    A link is sound if its digest follows from a link before it, even from a wrong one, but for the
    first links behind a long run of wrong ones. Of consecutive missing links only the first is
    reported; missing links at the end are reported as the number after the last link. ``chain`` is
    the end that the account stores, ``links`` is every stored link in order of recording.
    """
    expected, ends = 1, {GENESIS}
    for stored in links:
        number = stored.number
        if number > expected:
            yield expected
            # The link before this one is missing, so that its digest cannot be checked.
            expected, ends = number + 1, {stored.digest}
            continue
        digests = {stored.digest_after(end) for end in ends}
        if number == expected and stored.digest in digests:
            ends = {stored.digest}
        else:
            yield number
            # Either the record or the digest is wrong; the next link may follow from both.
            ends = {stored.digest} | digests | (ends if number < expected else set())
            ends = ends if len(ends) <= _MAX_ENDS else {stored.digest}
        expected = max(expected, number + 1)
    if expected != chain.length + 1 or chain.head not in ends:
        yield expected


def _format_shared(record: Record) -> tuple[str, str, str]:
    sync = f"{record.sync_id.hex}\n{record.source}\n{record.basis}\n{record.currency.code}"
    return record.account_id.hex, sync, _instant(record.created_at)


def _digest(previous: bytes, record: Record, shared: tuple[str, str, str]) -> bytes:
    """Return the SHA-256 over the previous digest and every stored field of the record."""
    account, sync, created_at = shared
    reading = record.reading
    text = (
        f"{record.id.hex}\n{account}\n{record.sequence}\n{sync}\n"
        f"{_amount(reading.balance)}\n{_amount(reading.available_balance)}\n"
        f"{_amount(reading.holdings_value)}\n{_amount(reading.cash_value)}\n"
        f"{_instant(reading.captured_at)}\n{reading.precision}\n{_instant(reading.as_of)}\n{created_at}"
    )
    return sha256(previous + text.encode("ascii")).digest()


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else to_digits(amount)


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else str(to_microseconds(instant))
