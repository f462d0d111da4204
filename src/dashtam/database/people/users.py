"""Every statement on ``users``, and the only one that removes a person's rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from dashtam.database.pagination import AnyRow, fetch_one
from dashtam.database.tables import (
    accounts,
    api_tokens,
    audit_log,
    balance_snapshots,
    connections,
    erasures,
    history_chunks,
    holdings,
    idempotency_keys,
    retractions,
    sessions,
    syncs,
    users,
)
from dashtam.domain.errors import Unauthorized
from dashtam.domain.user import Erasure, User, UserId, email_key

_USER = select(users.c.id, users.c.email, users.c.created_at)


class Users:
    """Users, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, user_id: UserId) -> User | None:
        """Return the user."""
        return fetch_one(self._connection, _USER.where(users.c.id == user_id), _user)

    def find_by_email(self, email: str) -> User | None:
        """Return the user with this e-mail, compared without case."""
        return fetch_one(
            self._connection, _USER.where(users.c.email_key == email_key(email)), _user
        )

    def all(self) -> Sequence[User]:
        """Return everyone, by e-mail."""
        return [User(*row) for row in self._connection.execute(_USER.order_by(users.c.email_key))]

    def any(self) -> bool:
        """Tell whether there is a user at all."""
        return bool(self._connection.scalar(select(exists(select(users.c.id)))))

    def password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, None when there is no such user."""
        return self._connection.scalar(_password_hash(user_id))

    def lock_password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, and lock it until the work is done."""
        # FOR NO KEY UPDATE: other changes of the password wait, what refers to the user does not.
        return self._connection.scalar(_password_hash(user_id).with_for_update(key_share=True))

    def block_erasure(self, user_id: UserId) -> None:
        """Have an erasure of the user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """
        # FOR KEY SHARE, as a foreign key would take it: of all that locks the row only an erasure
        # waits for it.
        found = select(users.c.id).where(users.c.id == user_id)
        if self._connection.scalar(found.with_for_update(read=True, key_share=True)) is None:
            raise Unauthorized

    def lock_for_recording(self, user_id: UserId) -> None:
        """Have everyone else who records for this user wait until the work is done.

        Raises:
            Unauthorized: there is no such user any more.
        """
        # Not the user's row: whoever signs in locks that, and must not wait behind an import.
        # SQLite has one writer at a time anyway.
        if self._connection.dialect.name == "postgresql":
            lock = int.from_bytes(user_id.bytes[8:], signed=True)
            self._connection.execute(select(func.pg_advisory_xact_lock(lock)))
        self.block_erasure(user_id)

    def add(self, user: User, password_hash: str) -> bool:
        """Keep a new user; False when the e-mail is taken."""
        statement = insert(users).values(
            id=user.id,
            email=user.email,
            email_key=email_key(user.email),
            password_hash=password_hash,
            created_at=user.created_at,
            updated_at=user.created_at,
        )
        try:
            with self._connection.begin_nested():
                self._connection.execute(statement)
        except IntegrityError:
            return False
        return True

    def add_first(self, user: User, password_hash: str) -> bool:
        """Keep the first user of all; False when there is one already."""
        # SQLite has one writer at a time; PostgreSQL would let two first users in side by side.
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
        return not self.any() and self.add(user, password_hash)

    def set_password(self, user_id: UserId, password_hash: str, at: datetime) -> None:
        """Keep another password hash."""
        self._connection.execute(
            update(users)
            .where(users.c.id == user_id)
            .values(password_hash=password_hash, updated_at=at)
        )

    def erase(self, user_id: UserId, at: datetime) -> int:
        """Remove all that is the user's, and return how many snapshots that were."""
        self._lock(user_id)
        count = self._connection.scalar(
            select(func.count())
            .select_from(balance_snapshots)
            .where(balance_snapshots.c.account_id.in_(_ids(accounts, user_id)))
        )
        snapshots = count or 0
        # The triggers of the append-only tables let rows go once this one is there.
        self._connection.execute(
            insert(erasures).values(user_id=user_id, erased_at=at, snapshots=snapshots)
        )
        for table, whose in _everything_of(user_id):
            self._connection.execute(delete(table).where(whose))
        return snapshots

    def erasures(self) -> Sequence[Erasure]:
        """Return every erasure, oldest first."""
        statement = select(erasures).order_by(erasures.c.erased_at, erasures.c.user_id)
        return [Erasure(*row) for row in self._connection.execute(statement)]

    def _lock(self, user_id: UserId) -> None:
        # Whoever is recording for this user finishes first, and nobody starts: a row that refers
        # to a locked one has to wait.
        for table, whose in (
            (users, users.c.id == user_id),
            (connections, connections.c.user_id == user_id),
            (accounts, accounts.c.user_id == user_id),
            (syncs, syncs.c.user_id == user_id),
        ):
            self._connection.execute(
                select(table.c.id).where(whose).order_by(table.c.id).with_for_update()
            ).all()


def _password_hash(user_id: UserId) -> Select[str]:
    return select(users.c.password_hash).where(users.c.id == user_id)


def _ids(table: Table, user_id: UserId) -> Select[Any]:
    return select(table.c.id).where(table.c.user_id == user_id)


def _everything_of(user_id: UserId) -> Sequence[tuple[Table, ColumnElement[bool]]]:
    # What refers to a row goes before it.
    return (
        (balance_snapshots, balance_snapshots.c.account_id.in_(_ids(accounts, user_id))),
        (retractions, retractions.c.sync_id.in_(_ids(syncs, user_id))),
        (holdings, holdings.c.account_id.in_(_ids(accounts, user_id))),
        (history_chunks, history_chunks.c.account_id.in_(_ids(accounts, user_id))),
        (accounts, accounts.c.user_id == user_id),
        (syncs, syncs.c.user_id == user_id),
        (connections, connections.c.user_id == user_id),
        (sessions, sessions.c.user_id == user_id),
        (api_tokens, api_tokens.c.user_id == user_id),
        (idempotency_keys, idempotency_keys.c.user_id == user_id),
        (audit_log, audit_log.c.user_id == user_id),
        (users, users.c.id == user_id),
    )


def _user(row: AnyRow) -> User:
    return User(*row)
