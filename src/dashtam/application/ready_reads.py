"""Reading history that lies ready as it is sent: one statement for each answer.

What is ready is derived: whatever cannot be answered from it is read from the rows instead, which
also say why something is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.period import Period
from dashtam.domain.user import AccessTokenId, SessionId, UserId


class NotReadyError(Exception):
    """It cannot be told from what lies ready: ask the rows."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a caller showed: the session of a verified access token, or a read-only token's hash."""

    at: datetime
    session_id: SessionId | None = None
    token_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom the proof stood for when it was read, and the token whose use is not written down."""

    user_id: UserId
    unnoted: AccessTokenId | None


@dataclass(frozen=True, slots=True)
class ReadyPages:
    """Pages of one account's history without a gap, oldest first, each as it is sent.

    ``snapshots`` counts those of each page. The first and the last may hold more than was asked.
    """

    reader: Reader
    pages: Sequence[bytes]
    snapshots: Sequence[int]


@dataclass(frozen=True, slots=True)
class ReadyBalance:
    """The newest snapshot of one account, as it is sent."""

    is_hidden: bool
    is_closed: bool
    snapshot: bytes


class ReadyReads(Protocol):
    """What lies ready. Every method raises ``NotReadyError`` where the rows must be asked.

    That is so too where the proof stands for nobody any more, and for another user's account.
    """

    def version(self) -> object | None:
        """Return what is another after every commit, None where that cannot be told quickly."""

    async def latest(self, proof: Proof) -> tuple[Reader, Sequence[ReadyBalance]]:
        """Return the newest snapshots, by account name and id."""

    async def within(self, proof: Proof, account_id: AccountId, period: Period) -> ReadyPages:
        """Return the pages that hold the account's snapshots of the period."""

    async def newest(self, proof: Proof, account_id: AccountId, limit: int) -> ReadyPages:
        """Return the pages that hold the account's newest snapshots, at most so many asked for."""

    def mend(self, account_id: UUID) -> None:
        """Have the account's pages made anew: they are not what was written."""

    async def open(self) -> None:
        """Begin, in the event loop that runs: nothing is ready before."""

    async def close(self) -> None:
        """Let go of the database."""
