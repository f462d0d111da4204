"""The statements on sets of positions."""

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    insert,
    select,
)

from dashtam.database.history.account_events import discounts
from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.tables import (
    account_events,
    accounts,
    balance_snapshots,
    position_sets,
    retractions,
)
from dashtam.domain.account import AccountId
from dashtam.domain.history.account_event import EventKind
from dashtam.domain.history.position_set import PositionLink, PositionSet
from dashtam.domain.user import UserId

_p = position_sets.c
_stored = position_sets.alias("stored")
_earlier = position_sets.alias("earlier")
_s, _event = balance_snapshots.c, account_events.c

_INSERT = insert(position_sets)
_COLUMNS = (
    *(_p.account_id, _p.number, _p.sync_id, _p.captured_at, _p.recorded_at, _p.same_as, _p.link),
    func.coalesce(_p.content, _stored.c.content).label("compressed"),
)
_WITH_CONTENT = position_sets.outerjoin(
    _stored, and_(_stored.c.account_id == _p.account_id, _stored.c.number == _p.same_as)
)


class PositionSets(Repository):
    """The statements on ``position_sets``; only ``capture`` adds any.

    With ``known_at`` the sets that counted at that instant are found.
    """

    def __init__(self, connection: Connection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._known_at = known_at

    def add(self, links: Iterable[PositionLink]) -> None:
        """Append sets; those with ``same_as`` are stored without their content."""
        rows = [
            {
                "account_id": one.account_id,
                "number": one.number,
                "sync_id": one.sync_id,
                "captured_at": one.captured_at,
                "recorded_at": one.recorded_at,
                "same_as": one.same_as,
                "content": zlib.compress(one.content) if one.same_as is None else None,
                "link": link.digest,
            }
            for link in links
            for one in [link.positions]
        ]
        if rows:
            self._connection.execute(_INSERT, rows)

    def links(self, account_id: AccountId) -> Iterator[PositionLink]:
        """Yield the account's chain in order of recording, also the sets that do not count."""
        statement = select(*_COLUMNS).select_from(_WITH_CONTENT).where(_p.account_id == account_id)
        for row in self._stream_rows(statement.order_by(_p.number)):
            yield PositionLink(_set_from_row(row), row.link)

    def of_accounts(
        self, account_ids: Collection[AccountId], at: datetime | None
    ) -> Sequence[PositionSet]:
        """Return the newest set of each account, or that of an instant; none without positions."""
        return self._newest(accounts.c.id.in_(account_ids), at)

    def of_user(self, user_id: UserId, at: datetime | None) -> Sequence[PositionSet]:
        """Return the newest set of each of the user's accounts, or that of an instant."""
        return self._newest(accounts.c.user_id == user_id, at)

    def _newest(self, is_wanted: ColumnElement[bool], at: datetime | None) -> Sequence[PositionSet]:
        own = _earlier.c
        conditions = [own.account_id == accounts.c.id, *_counts(self._known_at)]
        if at is not None:
            conditions.append(own.captured_at <= at)
        number: Select[tuple[int]] = (
            select(own.number)
            .where(*conditions)
            .order_by(own.captured_at.desc(), own.number.desc())
            .limit(1)
            .correlate(accounts)
        )
        columns = accounts.c.id, number.scalar_subquery().label("number")
        newest = select(*columns).where(is_wanted).cte("newest")
        # PostgreSQL would search for the number again for each set.
        newest = newest.prefix_with("MATERIALIZED", dialect="postgresql")
        is_newest = and_(newest.c.id == _p.account_id, newest.c.number == _p.number)
        statement = select(*_COLUMNS).select_from(_WITH_CONTENT.join(newest, is_newest))
        return [_set_from_row(row) for row in self._connection.execute(statement)]


def _counts(known_at: datetime | None) -> Collection[ColumnElement[bool]]:
    """Return the conditions of the sets that count, or that counted at an instant.

    A set counts with the snapshot that it came with, also after a correction of that one's amounts.
    """
    own = _earlier.c
    recorded, retracted = [], []
    if known_at is not None:
        recorded = [own.recorded_at <= known_at]
        retracted = [retractions.c.retracted_at <= known_at]
    return (
        *recorded,
        ~exists().where(retractions.c.sync_id == own.sync_id, *retracted),
        ~exists().where(
            _s.account_id == own.account_id,
            _s.captured_at == own.captured_at,
            _event.account_id == _s.account_id,
            _event.sequence == _s.sequence,
            _event.kind != EventKind.CORRECTION,
            # Of an event before the set, the set came with another snapshot.
            _event.recorded_at >= own.recorded_at,
            *discounts(known_at),
        ),
    )


def _set_from_row(row: AnyRow) -> PositionSet:
    try:
        content = b"" if row.compressed is None else zlib.decompress(row.compressed)
    except zlib.error:
        content = b""
    return from_row(PositionSet, row, content=content)
