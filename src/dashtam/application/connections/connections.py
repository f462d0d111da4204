"""Connections: finding, listing, renaming and disconnecting them."""

from dataclasses import replace
from typing import Final

from dashtam.application.syncs import claims
from dashtam.database.pagination import ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.connection import (
    Connection,
    ConnectionId,
    ConnectionState,
    Institution,
    ProviderKind,
)
from dashtam.domain.errors import Conflict, NotFound
from dashtam.domain.user import UserId

_DISCONNECTED: Final = (
    "Its credentials are destroyed; its accounts and their history stay. Enter credentials to"
    " connect it again."
)

MANUAL: Final = Institution("manual", "Typed by hand", "manual", ProviderKind.MANUAL)


class ConnectionNotFound(NotFound):
    """The user has no connection with this id."""

    detail = "Connection not found"


def load(work: UnitOfWork, user_id: UserId, connection_id: ConnectionId) -> Connection:
    """Return the user's connection.

    Raises:
        ConnectionNotFound: there is none with this id, or it is another user's.
    """
    connection = work.connections.get(connection_id)
    if connection is None or connection.user_id != user_id:
        raise ConnectionNotFound
    return connection


def list_for_user(work: UnitOfWork, user_id: UserId, page: PageRequest) -> ListPage[Connection]:
    """Return the user's connections by name, then id."""
    return work.connections.of_user(user_id, page)


def load_writable(work: UnitOfWork, account: Account) -> Connection:
    """Return the account's connection where balances may be typed or imported.

    Raises:
        Conflict: a live connection feeds the account.
    """
    connection = work.connections.get(account.connection_id)
    assert connection is not None, "every account has a connection"
    is_live = connection.kind is ProviderKind.API
    if is_live and connection.state is not ConnectionState.DISCONNECTED:
        detail = "A live connection records this account's balances. Disconnect it first."
        raise Conflict(detail)
    return connection


def find_or_create(work: UnitOfWork, user_id: UserId, institution: Institution) -> Connection:
    """Return the user's one connection to the institution, created at its first use.

    One that was named by a bank's code, since its first file had no name, takes the name here.
    """
    connection = work.connections.find(user_id, institution.kind, institution.key)
    if connection is None:
        connection = find_or_begin(work, user_id, institution)
        work.connections.add(connection)
        work.record_event("connection_created", user_id, connection.id)
    elif (
        institution.kind is ProviderKind.FILE
        and connection.name == institution.key != institution.name
    ):
        connection = rename(work, connection, institution.name)
        work.accounts.name_institution(connection)
    return connection


def find_or_begin(work: UnitOfWork, user_id: UserId, institution: Institution) -> Connection:
    """Return the user's one connection to the institution, or a new one that is not stored."""
    found = work.connections.find(user_id, institution.kind, institution.key)
    new_id = ConnectionId(work.new_id())
    return found or Connection.new(new_id, user_id, institution, work.now)


def rename(work: UnitOfWork, connection: Connection, name: str) -> Connection:
    """Rename the user's own connection, and return it."""
    live = work.connections.lock(connection.id)
    if live is None:
        raise ConnectionNotFound
    renamed = replace(live.connection, name=name, updated_at=work.now)
    work.connections.update(replace(live, connection=renamed))
    work.record_event("connection_changed", connection.user_id, connection.id)
    return renamed


def disconnect(work: UnitOfWork, connection: Connection) -> None:
    """Destroy the credentials of the user's own connection; its accounts and history stay.

    A running sync ends here and records nothing. Twice is the same as once.

    Raises:
        Conflict: no provider feeds it, so that there is nothing to disconnect.
    """
    live = work.connections.lock(connection.id)
    if live is None or live.connection.kind is not ProviderKind.API:
        raise Conflict(detail="No provider feeds this connection: there is nothing to disconnect.")
    claims.disconnect_locked(work, live, _DISCONNECTED)
