"""What stands at instants for which something is about to be recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, select

from dashtam.database.history.chain_rows import reading_of
from dashtam.database.pagination import AnyRow
from dashtam.database.tables import balance_snapshots, retractions
from dashtam.domain.account import AccountId
from dashtam.domain.statement import Reading
from dashtam.domain.sync import SyncId

_s = balance_snapshots.c

NOT_RETRACTED: Final = ~exists().where(retractions.c.sync_id == _s.sync_id)
"""That a snapshot was not retracted."""

_REPORTED = (
    _s.captured_at,
    _s.balance,
    _s.available_balance,
    _s.holdings_value,
    _s.cash_value,
    _s.as_of,
    _s.sync_id,
)


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """The newest reading that stands at an instant, and the run that recorded it."""

    reading: Reading
    sync_id: SyncId


def readings_at(
    connection: Connection, account_id: AccountId, instants: Sequence[datetime]
) -> Mapping[datetime, RecordedReading]:
    """Return what stands at the instants, and perhaps at others between them."""
    if not instants:
        return {}
    # Files go through time one way or the other, so that what stands between the first and the last
    # is about what was asked for. Where it is far more, each instant is looked up.
    most = 2 * len(instants)
    between = _s.captured_at.between(min(instants), max(instants))
    rows = _standing(connection, account_id, between, most + 1)
    if len(rows) > most:
        rows = _standing(connection, account_id, _s.captured_at.in_(instants), None)
    return {row.captured_at: RecordedReading(reading_of(row), row.sync_id) for row in rows}


def _standing(
    connection: Connection, account_id: AccountId, when: ColumnElement[bool], limit: int | None
) -> Sequence[AnyRow]:
    statement = (
        select(*_REPORTED)
        .where(_s.account_id == account_id, when, NOT_RETRACTED)
        .order_by(_s.captured_at, _s.sequence)
        .limit(limit)
    )
    return connection.execute(statement).all()
