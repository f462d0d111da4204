"""What use cases ask of the database for connections and syncs, and what those bring.

The work that holds them stands in ``records``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dashtam.application.pages import Listed, Page
from dashtam.domain.account import AccountId
from dashtam.domain.balance_snapshot import SnapshotSource
from dashtam.domain.connection import Connection, ConnectionId, ProviderKind
from dashtam.domain.holding import Holding
from dashtam.domain.statement import Position
from dashtam.domain.sync import Sync, SyncId
from dashtam.domain.user import UserId


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
