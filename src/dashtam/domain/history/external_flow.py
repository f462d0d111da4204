"""External flows of an account as they are recorded, kept for ever."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from dashtam.domain.account import AccountId
from dashtam.domain.history.hash_chain import Chain
from dashtam.domain.money import to_digits
from dashtam.domain.period import to_microseconds
from dashtam.domain.statement import Flow
from dashtam.domain.sync import SyncId


@dataclass(frozen=True, slots=True)
class ExternalFlow:
    """A recorded flow; ``number`` counts the account's flows from 1 in order of recording."""

    account_id: AccountId
    number: int
    sync_id: SyncId
    recorded_at: datetime
    flow: Flow


@dataclass(frozen=True, slots=True)
class FlowLink:
    """A flow and its digest (32 bytes), which covers every earlier flow of the account."""

    recorded: ExternalFlow
    digest: bytes

    @property
    def number(self) -> int:
        """The flow's place in the chain, from 1 on."""
        return self.recorded.number

    def digest_after(self, previous: bytes) -> bytes:
        """Return the digest that follows from the one before."""
        return _digest(previous, self.recorded)


def link_flows(chain: Chain, new: Iterable[ExternalFlow]) -> Iterator[FlowLink]:
    """Yield the new flows as the links that follow the end of the account's chain."""
    previous = chain.head
    for one in new:
        previous = _digest(previous, one)
        yield FlowLink(one, previous)


def _digest(previous: bytes, one: ExternalFlow) -> bytes:
    """Return the SHA-256 over the previous digest and every field of the flow."""
    flow = one.flow
    text = (
        f"{one.account_id.hex}\n{one.number}\n{one.sync_id.hex}\n"
        f"{to_microseconds(one.recorded_at)}\n{flow.booked_on}\n{to_digits(flow.amount)}\n"
        f"{flow.currency.code}\n{flow.kind}\n{flow.external_id or ''}"
    )
    return sha256(previous + text.encode()).digest()
