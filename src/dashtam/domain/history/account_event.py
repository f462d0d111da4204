"""Account events: changes of an account, and of the standing of its snapshots, kept for ever."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from dashtam.domain.account import AccountId
from dashtam.domain.history.hash_chain import Chain
from dashtam.domain.period import to_microseconds
from dashtam.domain.sync import SyncId


class EventKind(StrEnum):
    """The kind of an event.

    All but the settings are about one snapshot. It counts no more after a retraction or a
    correction, nor while it is held, nor after its rejection; it counts after its release.
    """

    SETTINGS = "settings"
    RETRACTION = "retraction"
    CORRECTION = "correction"
    HOLD = "hold"
    RELEASE = "release"
    REJECTION = "rejection"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is not recorded yet.

    ``sequence`` is that of the account's snapshot that it is about, None for the account itself;
    ``counts`` tells whether that snapshot counts from then on. ``sync_id`` is the run that caused
    the event, None without one. The values of ``content`` are plain JSON.
    """

    kind: EventKind
    content: Mapping[str, Any]
    sync_id: SyncId | None = None
    sequence: int | None = None
    counts: bool | None = None


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """A recorded event; ``number`` counts the account's events from 1.

    ``content`` is canonical JSON: sorted names, no spaces, ASCII.
    """

    account_id: AccountId
    number: int
    kind: EventKind
    recorded_at: datetime
    sync_id: SyncId | None
    sequence: int | None
    counts: bool | None
    content: str

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the content."""
        return parse_content(self.content)


@dataclass(frozen=True, slots=True)
class EventLink:
    """An event and its digest (32 bytes), which covers every earlier event of the account."""

    event: AccountEvent
    digest: bytes

    @property
    def number(self) -> int:
        """The event's place in the chain, from 1 on."""
        return self.event.number

    def digest_after(self, previous: bytes) -> bytes:
        """Return the digest that follows from the one before."""
        return _digest(previous, self.event)


def parse_content(content: str) -> Mapping[str, Any]:
    """Return the values of an event's content."""
    values: Mapping[str, Any] = json.loads(content)
    return values


def link_events(
    chain: Chain, account_id: AccountId, recorded_at: datetime, new: Iterable[NewEvent]
) -> Iterator[EventLink]:
    """Yield the new events as the links that follow the end of the account's chain."""
    previous = chain.head
    for number, one in enumerate(new, chain.length + 1):
        content = json.dumps(one.content, sort_keys=True, separators=(",", ":"))
        event = AccountEvent(
            account_id,
            number,
            one.kind,
            recorded_at,
            one.sync_id,
            one.sequence,
            one.counts,
            content,
        )
        previous = _digest(previous, event)
        yield EventLink(event, previous)


def _digest(previous: bytes, event: AccountEvent) -> bytes:
    """Return the SHA-256 over the previous digest and every stored field of the event."""
    sync = "" if event.sync_id is None else event.sync_id.hex
    about = "" if event.sequence is None else str(event.sequence)
    counts = "" if event.counts is None else str(int(event.counts))
    text = (
        f"{event.account_id.hex}\n{event.number}\n{event.kind}\n"
        f"{to_microseconds(event.recorded_at)}\n{sync}\n{about}\n{counts}\n{event.content}"
    )
    return sha256(previous + text.encode()).digest()
