"""Connections: the ties through which balances arrive."""

from dataclasses import dataclass, replace
from typing import Final

from dashtam.application.audit_log import note
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState, ProviderKind
from dashtam.domain.errors import Conflict, NotFound
from dashtam.domain.sync import Sync, SyncState
from dashtam.domain.user import UserId


@dataclass(frozen=True, slots=True)
class Institution:
    """Whom a connection is to: its key, its name for people, and how its balances arrive."""

    key: str
    name: str
    provider: str
    kind: ProviderKind


MANUAL: Final = Institution("manual", "Typed by hand", "manual", ProviderKind.MANUAL)


class ConnectionNotFound(NotFound):
    """The user has no connection with this id."""

    detail = "Connection not found"


def of(work: UnitOfWork, user_id: UserId, connection_id: ConnectionId) -> Connection:
    """Return the user's connection.

    Raises:
        ConnectionNotFound: there is none with this id, or it is another user's.
    """
    connection = work.connections.get(connection_id)
    if connection is None or connection.user_id != user_id:
        raise ConnectionNotFound
    return connection


def of_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[Connection]:
    """Return the user's connections by name, then id."""
    return work.connections.of_user(user_id, page)


def refuse_live(work: UnitOfWork, account: Account) -> None:
    """Let balances of an account be typed or imported only where no provider reports them.

    Raises:
        Conflict: a live connection feeds the account.
    """
    connection = work.connections.get(account.connection_id)
    assert connection is not None, "every account has a connection"
    is_live = connection.kind is ProviderKind.API
    if is_live and connection.state is not ConnectionState.DISCONNECTED:
        detail = "A live connection records this account's balances. Disconnect it first."
        raise Conflict(detail)


def connection_of_institution(work: UnitOfWork, user_id: UserId, to: Institution) -> Connection:
    """Return the user's one connection to the institution, made on first sight."""
    found = work.connections.find(user_id, to.kind, to.key)
    if found is not None:
        return found
    connection = Connection(
        id=ConnectionId(work.new_id()),
        user_id=user_id,
        provider=to.provider,
        kind=to.kind,
        institution=to.key,
        name=to.name,
        state=ConnectionState.ACTIVE,
        detail=None,
        last_synced_at=None,
        next_sync_at=None,
        created_at=work.now,
        updated_at=work.now,
    )
    work.connections.add(connection)
    note(work, "connection_created", user_id, connection.id)
    return connection


def rename(work: UnitOfWork, connection: Connection, name: str) -> Connection:
    """Give the user's own connection another name, and return it as it is now."""
    live = work.connections.lock(connection.id)
    if live is None:
        raise ConnectionNotFound
    renamed = replace(live.connection, name=name, updated_at=work.now)
    work.connections.update(replace(live, connection=renamed))
    note(work, "connection_changed", connection.user_id, connection.id)
    return renamed


def disconnect(work: UnitOfWork, connection: Connection) -> None:
    """Destroy the credentials of the user's own connection; its accounts and history stay.

    A run that is under way ends here and records nothing. Twice is the same as once.

    Raises:
        Conflict: no provider feeds it, so that there is nothing to disconnect.
    """
    live = work.connections.lock(connection.id)
    if live is None or live.connection.kind is not ProviderKind.API:
        detail = "No provider feeds this connection: there is nothing to disconnect."
        raise Conflict(detail)
    if live.connection.state is ConnectionState.DISCONNECTED:
        return
    running = work.syncs.find_running(connection.id)
    if running is not None:
        work.syncs.finish(_ended(work, running))
        note(work, "sync_failed", running.user_id, running.id)
    disconnected = replace(
        live.connection,
        state=ConnectionState.DISCONNECTED,
        detail=_DISCONNECTED,
        next_sync_at=None,
        updated_at=work.now,
    )
    work.connections.update(
        # The next fence is nobody's: whoever holds a claim finds that he lost it.
        replace(
            live,
            connection=disconnected,
            credentials=None,
            fence=live.fence + 1,
            failures=0,
            paused_until=None,
        )
    )
    note(work, "connection_disconnected", connection.user_id, connection.id)


def _ended(work: UnitOfWork, running: Sync) -> Sync:
    return replace(
        running,
        state=SyncState.FAILED,
        finished_at=work.now,
        lease_until=None,
        code="disconnected",
        detail="The connection was disconnected meanwhile; nothing was recorded.",
    )


_DISCONNECTED: Final = (
    "Its credentials are destroyed; its accounts and their history stay."
    " Enter credentials to connect it again."
)
