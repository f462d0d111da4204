"""Rows of ``balance_snapshots`` as the links of hash chains that they are."""

from dashtam.database.pagination import AnyRow
from dashtam.domain.history.hash_chain import Link, Record
from dashtam.domain.money import Currency
from dashtam.domain.statement import Reading


def reading_of(row: AnyRow) -> Reading:
    """Return what was reported, its sign as its source gave it."""
    return Reading(
        captured_at=row.captured_at,
        balance=row.balance,
        available_balance=row.available_balance,
        holdings_value=row.holdings_value,
        cash_value=row.cash_value,
        as_of=row.as_of,
    )


def link_of(row: AnyRow) -> Link:
    """Return the link of its account's chain that a row is."""
    record = Record(
        id=row.id,
        account_id=row.account_id,
        sequence=row.sequence,
        sync_id=row.sync_id,
        source=row.source,
        currency=Currency.of(row.currency),
        reading=reading_of(row),
        created_at=row.created_at,
    )
    return Link(record, row.link)
