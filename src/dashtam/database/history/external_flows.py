"""The statements on external flows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, select, tuple_

from dashtam.database.pagination import Cursor, ListPage, PageRequest
from dashtam.database.repository import AnyRow, Repository, from_row, to_row
from dashtam.database.tables import external_flows, retractions
from dashtam.domain.account import AccountId
from dashtam.domain.errors import Invalid
from dashtam.domain.history.external_flow import ExternalFlow, FlowLink
from dashtam.domain.money import Currency
from dashtam.domain.statement import Flow, FlowKind

_f = external_flows.c
_NO_CURSOR: Final = "cursor: it is the next_cursor of an answer before."


class ExternalFlows(Repository):
    """The statements on ``external_flows``; only ``capture`` adds any.

    With ``known_at`` the flows that counted at that instant are found.
    """

    def __init__(self, connection: Connection, known_at: datetime | None = None) -> None:
        super().__init__(connection)
        self._conditions: list[ColumnElement[bool]] = []
        retracted = []
        if known_at is not None:
            self._conditions.append(_f.recorded_at <= known_at)
            retracted.append(retractions.c.retracted_at <= known_at)
        is_retracted = exists().where(retractions.c.sync_id == _f.sync_id, *retracted)
        self._conditions.append(~is_retracted)

    def add(self, links: Iterable[FlowLink]) -> None:
        """Append flows."""
        rows = [
            {
                **to_row(one.flow),
                "account_id": one.account_id,
                "number": one.number,
                "sync_id": one.sync_id,
                "recorded_at": one.recorded_at,
                "currency": one.flow.currency.code,
                "link": link.digest,
            }
            for link in links
            for one in [link.recorded]
        ]
        if rows:
            self._connection.execute(insert(external_flows), rows)

    def links(self, account_id: AccountId) -> Iterator[FlowLink]:
        """Yield the account's chain in order of recording, also the flows that do not count."""
        statement = select(external_flows).where(_f.account_id == account_id)
        for row in self._stream_rows(statement.order_by(_f.number)):
            yield FlowLink(_flow_from_row(row), row.link)

    def since(self, first_days: Mapping[AccountId, date]) -> Iterator[tuple[AccountId, Flow]]:
        """Yield the flows of each account that were booked on a day or after it, maybe others."""
        statement = select(external_flows).where(
            _f.account_id.in_(first_days),
            _f.booked_on >= min(first_days.values()),
            *self._conditions,
        )
        for row in self._connection.execute(statement):
            recorded = _flow_from_row(row)
            yield recorded.account_id, recorded.flow

    def booked_within(
        self, account_ids: Sequence[AccountId], first: date, last: date, page: PageRequest
    ) -> ListPage[ExternalFlow]:
        """Return the flows of a history's accounts that were booked on these days, oldest first.

        They have the id of the first account.

        Raises:
            Invalid: the cursor is that of another list.
        """
        statement = select(external_flows).where(
            _f.account_id.in_(account_ids), _f.booked_on.between(first, last), *self._conditions
        )
        number: ColumnElement[int] = _f.number
        if len(account_ids) > 1:
            # Each account counts its own flows.
            place = case(*((_f.account_id == one, rank) for rank, one in enumerate(account_ids)))
            number = _f.number * len(account_ids) + place
        statement = statement.add_columns(number.label("place"))
        order = (_f.booked_on, number)
        total = self._connection.scalar(select(func.count()).select_from(statement.subquery()))
        if page.after is not None:
            statement = statement.where(tuple_(*order) > _place_of(page.after))
        rows = self._connection.execute(statement.order_by(*order).limit(page.limit + 1)).all()
        shown = rows[: page.limit]
        items = [replace(_flow_from_row(row), account_id=account_ids[0]) for row in shown]
        cursor = None
        if len(rows) > page.limit:
            cursor = Cursor(UUID(int=shown[-1].place), items[-1].flow.booked_on.isoformat())
        return ListPage(items, total or 0, cursor)


def _place_of(cursor: Cursor) -> tuple[date, int]:
    try:
        day = date.fromisoformat(cursor.name)
    except ValueError:
        raise Invalid(_NO_CURSOR) from None
    if cursor.id.int >= 1 << 63:
        raise Invalid(_NO_CURSOR)
    return day, cursor.id.int


def _flow_from_row(row: AnyRow) -> ExternalFlow:
    flow = from_row(Flow, row, kind=FlowKind(row.kind), currency=Currency.of(row.currency))
    return from_row(ExternalFlow, row, flow=flow)
