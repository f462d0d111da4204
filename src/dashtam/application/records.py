"""What use cases ask of the database: one protocol per noun, and the work that holds them.

Those for live connections and for people stand in ``live_records`` and ``people_records``.
"""

# ruff: noqa: D102 - the properties of Work say all in their names and types

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from dashtam.application.live_records import Connections, Holdings, Syncs
from dashtam.application.pages import Listed, Page
from dashtam.application.people_records import AccessTokens, Sessions, Users
from dashtam.domain.account import Account, AccountId
from dashtam.domain.audit import AuditLine
from dashtam.domain.balance_snapshot import BalanceSnapshot, SnapshotId, SnapshotSource
from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.hash_chain import Chain, Link
from dashtam.domain.money import Currency
from dashtam.domain.period import Period
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SyncId
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class OwnedSnapshots:
    """Snapshots of one account, oldest first, with whose it is and in what currency."""

    owner: UserId
    currency: Currency
    snapshots: Sequence[BalanceSnapshot]


@dataclass(frozen=True, slots=True)
class LatestBalance:
    """An account with its newest snapshot and the one before; None where there is none."""

    account: Account
    newest: BalanceSnapshot | None
    previous: BalanceSnapshot | None


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """An account, and when the first and the last of its snapshots were captured."""

    account: Account
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest reading that stands at an instant, and the run that recorded it."""

    reading: Reading
    sync_id: SyncId


class BalanceSnapshots(Protocol):
    """Every statement on ``balance_snapshots``; what was retracted stands in ``links`` alone."""

    def latest(self, user_id: UserId) -> Sequence[LatestBalance]:
        """Return each of the user's accounts with its newest two snapshots, in no order."""

    def latest_of(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, BalanceSnapshot]:
        """Return the newest snapshot of each account that has any."""

    def within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None, limit: int
    ) -> OwnedSnapshots | None:
        """Return the first ``limit`` snapshots of the period, None if there is no such account."""

    def count_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> int:
        """Return how many snapshots of the account lie in the period."""

    def each_within(
        self, account_id: AccountId, period: Period, source: SnapshotSource | None
    ) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots of the period, oldest first, without holding them all."""

    def newest(
        self,
        account_id: AccountId,
        source: SnapshotSource | None,
        limit: int,
        until: datetime | None = None,
    ) -> OwnedSnapshots | None:
        """Return the newest ``limit`` snapshots up to an instant, None if there is no account."""

    def standing(
        self, account_id: AccountId, instants: Sequence[datetime]
    ) -> Mapping[datetime, Standing]:
        """Return what stands at those of the instants at which anything was recorded.

        Perhaps also what stands between them.
        """

    def any_of(self, account_id: AccountId) -> bool:
        """Tell whether the account has a snapshot that stands."""

    def all_of(self, account_id: AccountId) -> Iterator[BalanceSnapshot]:
        """Yield the account's snapshots, oldest first, without holding them all."""

    def spans(self, user_id: UserId) -> Sequence[RecordedSpan]:
        """Return each of the user's accounts that has a snapshot, in no order."""

    def balances(
        self, account: Account, since: datetime, until: datetime | None
    ) -> Iterator[tuple[datetime, Decimal]]:
        """Yield when each balance was captured and how much it was, oldest first.

        The first is the last one before ``since``, where there is any; ``until`` is included, and
        None means all that follow.
        """

    def sync_of(self, account_id: AccountId, snapshot_id: SnapshotId) -> SyncId | None:
        """Return the run that recorded a snapshot of the account, be it retracted."""

    def links(self, account_id: AccountId) -> Iterator[Link]:
        """Yield the account's records in order of recording, the retracted too."""

    def add(self, links: Iterable[Link]) -> None:
        """Record the snapshots."""


class HistoryPages(Protocol):
    """History as it is sent, kept beside the snapshots that it is made from."""

    def changed(self, account_id: AccountId, since: datetime | None = None) -> None:
        """Have the account's pages made anew as the work ends, once, and in its transaction.

        From an instant on, before which nothing changed; None from the account's first snapshot.
        """

    def differs(self, account_id: AccountId) -> bool:
        """Tell whether pages are there that are not what would be made of the account's rows."""


class Accounts(Protocol):
    """Every statement on ``accounts``."""

    def get(self, account_id: AccountId) -> Account | None:
        """Return the account, whoever owns it."""

    def of_user(self, user_id: UserId, page: Page) -> Listed[Account]:
        """Return the user's accounts by name (code points), then id."""

    def find(
        self, connection_id: ConnectionId, external_id: str, currency: Currency
    ) -> Account | None:
        """Return the account with this identity."""

    def add(self, account: Account) -> None:
        """Keep a new account, its chain empty."""

    def change(self, account: Account) -> None:
        """Keep what its owner changed: name, type, sign, hidden, closed, and ``updated_at``."""

    def chain(self, account_id: AccountId) -> Chain:
        """Return where the account's chain ends, and lock the account until the work is done."""

    def of_connection(self, connection_id: ConnectionId) -> Sequence[Account]:
        """Return all of the connection's accounts, by id."""

    def elsewhere(
        self, connection: Connection, external_id: str, currency: Currency
    ) -> tuple[Account, Connection] | None:
        """Return the account with this identity under another connection to the same provider.

        Of several the one whose connection was made last.
        """

    def move(self, account_id: AccountId, connection_id: ConnectionId, at: datetime) -> None:
        """Have another connection feed the account from now on."""

    def last_live_at(self, account_id: AccountId) -> datetime | None:
        """Return the ``captured_at`` of the account's last live snapshot."""

    def recorded_live(self, account_id: AccountId, captured_at: datetime) -> None:
        """Keep the ``captured_at`` of the account's last live snapshot."""

    def extend_chain(self, account_id: AccountId, chain: Chain) -> None:
        """Keep where the chain ends now."""

    def synced(
        self, connection_id: ConnectionId, account_ids: Sequence[AccountId], at: datetime
    ) -> None:
        """Keep when a run last reached these accounts and, if there are any, their connection."""

    def chains(self) -> Iterator[tuple[AccountId, Chain]]:
        """Yield every account of everyone, by id, with where its chain ends; lock nothing."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The first answer under an idempotency key; ``status`` is None while it is being made."""

    fingerprint: bytes
    lease_until: datetime
    status: int | None
    headers: Mapping[str, str]
    body: bytes


class IdempotencyKeys(Protocol):
    """Every statement on ``idempotency_keys``; a key is the user's, for one route."""

    def get(self, user_id: UserId, route: str, key: str, now: datetime) -> KeptAnswer | None:
        """Return what is kept under the key, unless it is older than a day."""

    def claim(
        self, user_id: UserId, route: str, key: str, answer: KeptAnswer, now: datetime
    ) -> bool:
        """Take the key for a request that is being answered; False when somebody else has it."""

    def keep(self, user_id: UserId, route: str, key: str, answer: KeptAnswer) -> bool:
        """Keep the answer; False when the claim with this lease does not hold any more."""

    def free(self, user_id: UserId, route: str, key: str, lease_until: datetime) -> None:
        """Let the key be used again, unless an answer is kept or the claim is another's."""


class AuditLog(Protocol):
    """Every statement on ``audit_log``."""

    def add(self, line: AuditLine) -> None:
        """Append a line."""

    def newest(self, limit: int, user_id: UserId | None = None) -> Sequence[AuditLine]:
        """Return the newest lines, newest first, of one user or of everyone."""

    def subjects_of(self, event: str) -> Iterator[UUID]:
        """Yield what the event happened to, once for each line that tells of it."""


class Work(Protocol):
    """One transaction: what it can ask for, at one instant.

    ``now`` is the instant at which the work began, the same for all that it does. ``address`` is
    that of the client who asked for it, empty for who works on this machine.
    """

    @property
    def now(self) -> datetime: ...
    @property
    def address(self) -> str: ...
    @property
    def balance_snapshots(self) -> BalanceSnapshots: ...
    @property
    def history_pages(self) -> HistoryPages: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def holdings(self) -> Holdings: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def syncs(self) -> Syncs: ...
    @property
    def users(self) -> Users: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def access_tokens(self) -> AccessTokens: ...
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...
    @property
    def audit_log(self) -> AuditLog: ...

    def trial(self) -> AbstractContextManager[None]:
        """Do what is in the ``with`` block as if it counted, and undo it at its end."""

    def new_id(self) -> UUID:
        """Return a new id that sorts by time of making (UUID version 7)."""

    def random_id(self) -> UUID:
        """Return a new id that tells nothing (UUID version 4)."""


class Database(Protocol):
    """Where work is done. What leaves the ``with`` block by an exception was never done."""

    def read(self) -> AbstractContextManager[Work]:
        """Open work that only reads, on one consistent state."""

    def write(self, address: str = "") -> AbstractContextManager[Work]:
        """Open work that may write, asked for from the address; committed whole at the end."""
