"""The statements on account events."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, insert, select, true

from dashtam.database.repository import AnyRow, Repository, from_row
from dashtam.database.tables import account_events, balance_snapshots
from dashtam.domain.account import AccountId
from dashtam.domain.history.account_event import AccountEvent, EventKind, EventLink

_e, _s = account_events.c, balance_snapshots.c
_later = account_events.alias("later").c


def discounts(known_at: datetime | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions of an event by which a snapshot does not count, or did not then.

    Of the events about a snapshot the last one decides.
    """
    event, later = [], []
    if known_at is not None:
        event, later = [_e.recorded_at <= known_at], [_later.recorded_at <= known_at]
    return [
        _e.counts == false(),
        *event,
        ~exists().where(
            _later.account_id == _e.account_id,
            _later.sequence == _e.sequence,
            _later.number > _e.number,
            _later.counts == true(),
            *later,
        ),
    ]


class AccountEvents(Repository):
    """The statements on ``account_events``; only ``capture`` adds any.

    With ``known_at`` the events about snapshots are those recorded until then.
    """

    def __init__(self, connection: Connection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._known_at = known_at

    def add(self, links: Iterable[EventLink]) -> None:
        """Append events."""
        rows = [asdict(link.event) | {"link": link.digest} for link in links]
        if rows:
            self._connection.execute(insert(account_events), rows)

    def links(self, account_id: AccountId) -> Iterator[EventLink]:
        """Yield the account's chain in order of recording."""
        statement = select(account_events).where(_e.account_id == account_id)
        for row in self._stream_rows(statement.order_by(_e.number)):
            yield EventLink(_event_from_row(row), row.link)

    def first_settings(
        self, account_ids: Collection[AccountId]
    ) -> Mapping[AccountId, AccountEvent]:
        """Return the first settings of each account, as its provider told them."""
        is_settings = _e.kind == EventKind.SETTINGS, _e.account_id.in_(account_ids)
        first = (
            select(_e.account_id, func.min(_e.number).label("number"))
            .where(*is_settings)
            .group_by(_e.account_id)
            .subquery()
        )
        is_first = and_(_e.account_id == first.c.account_id, _e.number == first.c.number)
        rows = self._connection.execute(select(account_events).join(first, is_first))
        return {event.account_id: event for event in map(_event_from_row, rows)}

    def about_snapshots(self, account_ids: Collection[AccountId]) -> Sequence[AccountEvent]:
        """Return the events about snapshots of these accounts, each account's in order.

        An index finds them: few accounts have any.
        """
        statement = select(account_events).where(
            _e.account_id.in_(account_ids), _e.sequence.is_not(None)
        )
        if self._known_at is not None:
            statement = statement.where(_e.recorded_at <= self._known_at)
        rows = self._connection.execute(statement.order_by(_e.account_id, _e.number))
        return [_event_from_row(row) for row in rows]

    def subjects(self, account_id: AccountId) -> Iterator[tuple[int, UUID | None]]:
        """Yield the numbers of events about a snapshot, each with its id; None where it is missing.

        A snapshot whose id the event does not have is another one.
        """
        is_subject = and_(_s.account_id == _e.account_id, _s.sequence == _e.sequence)
        statement = (
            select(_e.number, _e.content, _s.id)
            .outerjoin_from(account_events, balance_snapshots, is_subject)
            .where(_e.account_id == account_id, _e.sequence.is_not(None))
            .order_by(_e.number)
        )
        for number, content, snapshot_id in self._connection.execute(statement):
            yield number, snapshot_id if str(snapshot_id) in content else None


def _event_from_row(row: AnyRow) -> AccountEvent:
    return from_row(AccountEvent, row, kind=EventKind(row.kind))
