"""Sets of positions: all positions of an account as one run reported them, kept for ever."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from uuid import uuid5

from dashtam.domain.account import AccountId
from dashtam.domain.history.hash_chain import Chain
from dashtam.domain.history.holding import Holding, HoldingId
from dashtam.domain.money import Currency, to_digits
from dashtam.domain.period import to_instant, to_microseconds
from dashtam.domain.statement import Position
from dashtam.domain.sync import SyncId


@dataclass(frozen=True, slots=True)
class PositionSet:
    """The positions of an account that came with a snapshot of the run ``sync_id``.

    ``number`` counts the account's sets from 1 in order of recording. ``captured_at`` is that of
    the snapshot. ``same_as`` is the number of the earlier set that stores the same content, None
    where this one stores it. ``content`` is JSON, empty where the database lost it.
    """

    account_id: AccountId
    number: int
    sync_id: SyncId
    captured_at: datetime
    recorded_at: datetime
    same_as: int | None
    content: bytes

    @property
    def positions(self) -> Sequence[Position]:
        """The positions, by symbol."""
        return [
            Position(
                symbol=symbol,
                name=name,
                asset_type=asset_type,
                quantity=Decimal(quantity),
                price=_parse_optional(price),
                market_value=_parse_optional(market_value),
                cost_basis=_parse_optional(cost_basis),
                currency=Currency.of(currency),
                as_of=self.captured_at if as_of is None else to_instant(as_of),
            )
            for (
                symbol,
                name,
                asset_type,
                quantity,
                price,
                market_value,
                cost_basis,
                currency,
                as_of,
            ) in json.loads(self.content)
        ]

    @property
    def holdings(self) -> Sequence[Holding]:
        """The positions with their ids, by symbol.

        A position keeps its id from one set to the next: it follows from the account, the symbol,
        and the place among the positions with this symbol.
        """
        holdings = []
        places: Counter[str] = Counter()
        for position in self.positions:
            symbol = position.symbol
            places[symbol] += 1
            id_ = HoldingId(uuid5(self.account_id, f"{symbol}\n{places[symbol]}"))
            holdings.append(Holding(id_, self.account_id, position))
        return holdings


@dataclass(frozen=True, slots=True)
class PositionLink:
    """A set and its digest (32 bytes), which covers every earlier set of the account."""

    positions: PositionSet
    digest: bytes

    @property
    def number(self) -> int:
        """The set's place in the chain, from 1 on."""
        return self.positions.number

    def digest_after(self, previous: bytes) -> bytes:
        """Return the digest that follows from the one before."""
        return _digest(previous, self.positions)


def link_positions(chain: Chain, new: PositionSet) -> PositionLink:
    """Return the new set as the link that follows the end of the account's chain."""
    return PositionLink(new, _digest(chain.head, new))


def to_content(positions: Sequence[Position], *own: datetime) -> bytes:
    """Return the content of a set; the order of the positions does not matter.

    A position as of the set's ``own`` instants is stored without one, so that positions that stay
    the same have the same content on the next day.
    """
    rows = [
        [
            position.symbol,
            position.name,
            position.asset_type,
            to_digits(position.quantity),
            _format_optional(position.price),
            _format_optional(position.market_value),
            _format_optional(position.cost_basis),
            position.currency.code,
            None if position.as_of in own else to_microseconds(position.as_of),
        ]
        for position in positions
    ]
    return b"[%s]" % b",".join(
        sorted(json.dumps(row, separators=(",", ":")).encode() for row in rows)
    )


def _format_optional(amount: Decimal | None) -> str | None:
    return None if amount is None else to_digits(amount)


def _parse_optional(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _digest(previous: bytes, one: PositionSet) -> bytes:
    """Return the SHA-256 over the previous digest and every field of the set."""
    same_as = "" if one.same_as is None else str(one.same_as)
    text = (
        f"{one.account_id.hex}\n{one.number}\n{one.sync_id.hex}\n"
        f"{to_microseconds(one.captured_at)}\n{to_microseconds(one.recorded_at)}\n{same_as}\n"
    )
    return sha256(previous + text.encode() + one.content).digest()
