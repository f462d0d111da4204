"""The statements on users, and the only one that deletes a user's rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
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

from dashtam.database.repository import AnyRow, Repository
from dashtam.database.tables import (
    accounts,
    balance_snapshots,
    connections,
    erasures,
    metadata,
    syncs,
    users,
)
from dashtam.domain.errors import Unauthorized
from dashtam.domain.user import Erasure, User, UserId, email_key

_USER = select(users.c.id, users.c.email, users.c.created_at, users.c.time_zone)


class Users(Repository):
    """The statements on ``users`` and ``erasures``; ``erase`` deletes from every table."""

    def get(self, user_id: UserId) -> User | None:
        """Return the user."""
        return self._fetch_one(_USER.where(users.c.id == user_id), _from_row)

    def find_by_email(self, email: str) -> User | None:
        """Return the user with this e-mail, compared without case."""
        return self._fetch_one(_USER.where(users.c.email_key == email_key(email)), _from_row)

    def all(self) -> Sequence[User]:
        """Return every user, by e-mail."""
        return [
            _from_row(row) for row in self._connection.execute(_USER.order_by(users.c.email_key))
        ]

    def any(self) -> bool:
        """Tell whether there is any user."""
        return bool(self._connection.scalar(select(exists(select(users.c.id)))))

    def password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, None if there is no such user."""
        return self._connection.scalar(_select_password_hash(user_id))

    def lock_password_hash(self, user_id: UserId) -> str | None:
        """Return the user's password hash, and lock it until the commit."""
        # FOR NO KEY UPDATE: another change of the password waits, a row that refers to the user
        # does not.
        statement = _select_password_hash(user_id).with_for_update(key_share=True)
        return self._connection.scalar(statement)

    def block_erasure(self, user_id: UserId) -> None:
        """Make an erasure of the user wait until the commit.

        Raises:
            Unauthorized: the user does not exist, or was erased.
        """
        # FOR KEY SHARE, as a foreign key takes it: only an erasure waits for it.
        statement = select(users.c.id).where(users.c.id == user_id)
        if self._connection.scalar(statement.with_for_update(read=True, key_share=True)) is None:
            raise Unauthorized

    def lock_for_recording(self, user_id: UserId) -> None:
        """Make other recordings for the user, and an erasure, wait until the commit.

        Raises:
            Unauthorized: the user does not exist, or was erased.
        """
        # Not the user's row: signing in locks that, and must not wait for an import. SQLite has one
        # writer at a time anyway.
        if self._connection.dialect.name == "postgresql":
            lock = int.from_bytes(user_id.bytes[8:], signed=True)
            self._connection.execute(select(func.pg_advisory_xact_lock(lock)))
        self.block_erasure(user_id)

    def set_time_zone(self, user_id: UserId, name: str | None, now: datetime) -> None:
        """Store the zone of the user's days."""
        statement = update(users).where(users.c.id == user_id)
        self._connection.execute(statement.values(time_zone=name, updated_at=now))

    def add(self, user: User, password_hash: str) -> bool:
        """Insert a user; False if the e-mail is taken."""
        return self._insert_unless_taken(
            insert(users).values(
                id=user.id,
                email=user.email,
                email_key=email_key(user.email),
                password_hash=password_hash,
                created_at=user.created_at,
                updated_at=user.created_at,
            )
        )

    def add_first(self, user: User, password_hash: str) -> bool:
        """Insert the first user; False if there is one already."""
        # SQLite has one writer at a time; PostgreSQL would admit two first users at once.
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
        return not self.any() and self.add(user, password_hash)

    def set_password(self, user_id: UserId, password_hash: str, at: datetime) -> None:
        """Store a new password hash."""
        values = {"password_hash": password_hash, "updated_at": at}
        self._connection.execute(update(users).where(users.c.id == user_id).values(values))

    def erase(self, user_id: UserId, at: datetime) -> int:
        """Delete every row of the user, and return the number of deleted snapshots."""
        # A recording in progress ends first, and none begins: a new row that refers to a locked
        # one waits.
        for table in (users, connections, accounts, syncs):
            statement = select(table.c.id).where(_is_owned(table, user_id)).order_by(table.c.id)
            self._connection.execute(statement.with_for_update()).all()
        is_owned = _is_owned(balance_snapshots, user_id)
        count = select(func.count()).select_from(balance_snapshots).where(is_owned)
        snapshots = self._connection.scalar(count) or 0
        # This row makes the triggers of the append-only tables allow the deletions.
        self._connection.execute(
            insert(erasures).values(user_id=user_id, erased_at=at, snapshots=snapshots)
        )
        # Rows that refer to others come first.
        for table in reversed(metadata.sorted_tables):
            if table is not erasures:
                self._connection.execute(delete(table).where(_is_owned(table, user_id)))
        return snapshots

    def erasures(self) -> Sequence[Erasure]:
        """Return every erasure, oldest first."""
        statement = select(erasures).order_by(erasures.c.erased_at, erasures.c.user_id)
        return [Erasure(*row) for row in self._connection.execute(statement)]


def _select_password_hash(user_id: UserId) -> Select[str]:
    return select(users.c.password_hash).where(users.c.id == user_id)


def _is_owned(table: Table, user_id: UserId) -> ColumnElement[bool]:
    """Return the condition of the user's rows: by their user, else by their account or sync."""
    if table is users:
        return users.c.id == user_id
    if "user_id" in table.c:
        return table.c.user_id == user_id
    column, owner = (
        (table.c.account_id, accounts) if "account_id" in table.c else (table.c.sync_id, syncs)
    )
    return column.in_(select(owner.c.id).where(owner.c.user_id == user_id))


def _from_row(row: AnyRow) -> User:
    return User(*row)
