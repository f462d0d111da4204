"""What use cases ask of the database: one protocol per noun, and the work that holds them."""

# ruff: noqa: D102 - the properties of Work say all in their names and types

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from dashtam.domain.account import Account, AccountId
from dashtam.domain.audit import AuditLine
from dashtam.domain.balance_snapshot import BalanceSnapshot, SnapshotId, SnapshotSource
from dashtam.domain.connection import Connection, ConnectionId, ProviderKind
from dashtam.domain.hash_chain import Chain, Link
from dashtam.domain.holding import Holding
from dashtam.domain.money import Currency
from dashtam.domain.period import Period
from dashtam.domain.statement import Position, Reading
from dashtam.domain.sync import Sync, SyncId
from dashtam.domain.user import (
    AccessToken,
    AccessTokenId,
    Erasure,
    Session,
    SessionId,
    User,
    UserId,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list something stands: its id, and its name where the list is by name."""

    id: UUID
    name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Which stretch of a list is asked for: ``limit`` at most, behind ``after`` (None: its top)."""

    limit: int
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A stretch of a list, how many there are in all, and the last one's place (None: no more)."""

    items: Sequence[T]
    total: int
    last: Place | None


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


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A connection to a provider, with what syncing it needs.

    ``credentials`` are sealed, None once they are destroyed. ``fence`` counts the claims on it.
    ``failures`` counts those since the last success. Before ``paused_until`` the provider does not
    want to be asked. ``requests`` were made on the day (UTC) that began at ``requests_on``.
    """

    connection: Connection
    credentials: bytes | None = None
    fence: int = 0
    failures: int = 0
    paused_until: datetime | None = None
    requests_on: datetime | None = None
    requests: int = 0


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
        """Return what stands at those of the instants at which anything was recorded."""

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

    def synced(self, account_id: AccountId, at: datetime) -> None:
        """Keep when a run last reached the account and its connection."""

    def chains(self) -> Iterator[tuple[AccountId, Chain]]:
        """Yield every account of everyone, by id, with where its chain ends; lock nothing."""


class Holdings(Protocol):
    """Every statement on ``holdings``."""

    def of_account(self, account_id: AccountId, page: Page) -> Listed[Holding]:
        """Return the account's positions by symbol, then id."""

    def of_user(self, user_id: UserId, page: Page) -> Listed[Holding]:
        """Return the positions of all the user's accounts by symbol, then id."""

    def replace(
        self,
        account_id: AccountId,
        positions: Sequence[Position],
        as_of: datetime,
        sync_id: SyncId,
    ) -> None:
        """Put what a run tells in place of the account's, unless that is of a later instant."""

    def retract(self, sync: Sync) -> None:
        """Forget what the run told: nothing is known of these accounts' positions any more."""


class Connections(Protocol):
    """Every statement on ``connections``."""

    def get(self, connection_id: ConnectionId) -> Connection | None:
        """Return the connection, whoever owns it."""

    def of_user(self, user_id: UserId, page: Page) -> Listed[Connection]:
        """Return the user's connections by name (code points), then id."""

    def find(self, user_id: UserId, kind: ProviderKind, institution: str) -> Connection | None:
        """Return the user's connection of this kind with this institution key."""

    def add(self, connection: Connection) -> None:
        """Keep a new connection."""

    def locked(self, connection_id: ConnectionId) -> LiveConnection | None:
        """Return the connection, and lock it until the work is done."""

    def locked_due(self, now: datetime) -> LiveConnection | None:
        """Return the one that is due for longest and not being synced, and lock it.

        One that somebody else has locked is passed over.
        """

    def any_due(self, now: datetime) -> bool:
        """Tell whether a connection is due."""

    def locked_overdue(self, before: datetime, limit: int) -> Sequence[LiveConnection]:
        """Return those that have been due since before this instant, and lock them."""

    def keep(self, live: LiveConnection) -> None:
        """Keep everything that changes of a connection, but the count of its requests."""

    def spend(self, connection_id: ConnectionId, fence: int, day: datetime, budget: int) -> bool:
        """Count one request on this day; False where the budget is spent or the claim is lost."""

    def count_requests(self, connection_id: ConnectionId, day: datetime, requests: int) -> None:
        """Begin the count of a day anew, with so many requests made already."""

    def remove(self, connection_id: ConnectionId) -> None:
        """Remove a connection that has no accounts, with its runs."""


class Syncs(Protocol):
    """Every statement on ``syncs`` and ``retractions``."""

    def get(self, sync_id: SyncId) -> Sync | None:
        """Return the run, whoever set it going."""

    def of_connection(self, connection_id: ConnectionId, page: Page) -> Listed[Sync]:
        """Return the connection's runs, newest first."""

    def of_user(self, user_id: UserId, page: Page) -> Listed[Sync]:
        """Return the user's runs, newest first."""

    def add(self, sync: Sync) -> None:
        """Keep a new run."""

    def finish(self, sync: Sync) -> None:
        """Keep how the run ended."""

    def running(self, connection_id: ConnectionId) -> Sync | None:
        """Return the connection's live run that has not ended, its lease run out or not."""

    def expired(self, now: datetime, limit: int) -> Sequence[Sync]:
        """Return live runs that have not ended, and whose lease ran out."""

    def renew(
        self, sync_id: SyncId, until: datetime, now: datetime, detail: str | None = None
    ) -> bool:
        """Prolong the lease of a running run; False where it ran out or the run has ended.

        ``detail`` says how far the run has come, None where that is as it was.
        """

    def any_success(self, connection_id: ConnectionId) -> bool:
        """Tell whether a live run of the connection ever recorded what was told."""

    def last_success(
        self, connection_id: ConnectionId, source: SnapshotSource, account_id: AccountId | None
    ) -> datetime | None:
        """Return when a live run of this source, and for this account, last ended well."""

    def retract(self, sync: Sync, at: datetime) -> None:
        """Append a retraction of the run."""

    def recorded_by_sync(self) -> Iterator[tuple[SyncId, int, int]]:
        """Yield every run of everyone: how much it says it recorded, and how much there is."""

    def unknown(self) -> Iterator[tuple[SyncId, int]]:
        """Yield every run that snapshots name and that there is not, with how many name it."""

    def retractions(self) -> Sequence[SyncId]:
        """Return every run that was retracted."""


class Users(Protocol):
    """Every statement on ``users``."""

    def get(self, user_id: UserId) -> User | None:
        """Return the user."""

    def by_email(self, email: str) -> User | None:
        """Return the user with this e-mail, compared without case."""

    def every(self) -> Sequence[User]:
        """Return everyone, by e-mail."""

    def any(self) -> bool:
        """Tell whether there is a user at all."""

    def password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, None when there is no such user."""

    def locked_password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, and lock it until the work is done."""

    def require(self, user_id: UserId) -> None:
        """Have an erasure of the user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """

    def hold(self, user_id: UserId) -> None:
        """Have everyone else who records for this user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """

    def add(self, user: User, password_hash: str) -> bool:
        """Keep a new user; False when the e-mail is taken."""

    def add_first(self, user: User, password_hash: str) -> bool:
        """Keep the first user of all; False when there is one already."""

    def set_password(self, user_id: UserId, password_hash: str, at: datetime) -> None:
        """Keep another password hash."""

    def erase(self, user_id: UserId, at: datetime) -> int:
        """Remove all that is the user's, and return how many snapshots that were."""

    def erasures(self) -> Sequence[Erasure]:
        """Return every erasure, oldest first."""


class Sessions(Protocol):
    """Every statement on ``sessions``."""

    def get(self, session_id: SessionId) -> Session | None:
        """Return the session."""

    def locked(self, session_id: SessionId) -> Session | None:
        """Return the session, and lock it until the work is done."""

    def is_live(self, session_id: SessionId, user_id: UserId, now: datetime) -> bool:
        """Tell whether the session is this user's, not revoked and not expired."""

    def of_user(self, user_id: UserId, now: datetime, page: Page) -> Listed[Session]:
        """Return the user's live sessions, newest first."""

    def add(self, session: Session) -> None:
        """Keep a new session."""

    def rotate(self, session: Session) -> None:
        """Keep the session's next refresh token, and when it was last used."""

    def revoke(self, session_id: SessionId, at: datetime) -> None:
        """End the session."""

    def revoke_all(self, user_id: UserId, at: datetime, but: SessionId | None = None) -> None:
        """End the user's sessions, all but one."""


class AccessTokens(Protocol):
    """Every statement on ``access_tokens``."""

    def by_hash(self, token_hash: bytes, now: datetime) -> AccessToken | None:
        """Return the token with this hash, unless it was revoked or has expired."""

    def of_user(self, user_id: UserId, now: datetime, page: Page) -> Listed[AccessToken]:
        """Return the user's live tokens, newest first."""

    def get(self, token_id: AccessTokenId) -> AccessToken | None:
        """Return the token, unless it was revoked."""

    def add(self, token: AccessToken, token_hash: bytes) -> None:
        """Keep a new token by its hash."""

    def used(self, token_id: AccessTokenId, at: datetime) -> None:
        """Keep when the token was last used."""

    def revoke(self, token_id: AccessTokenId, at: datetime) -> None:
        """End the token."""

    def revoke_all(self, user_id: UserId, at: datetime) -> None:
        """End every token of the user."""


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
