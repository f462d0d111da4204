"""The origin of a balance, in words."""

from typing import Final

from dashtam.domain.connection import Connection, ProviderKind
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis
from dashtam.domain.period import Precision
from dashtam.domain.sync import SnapshotSource

_CSV: Final = "balance_csv"


def origin_text(snapshot: BalanceSnapshot, connection: Connection | None) -> str:
    """Return the origin of a balance of an account of this connection."""
    if snapshot.basis is Basis.ENTERED:
        return "typed"
    if snapshot.basis is Basis.OBSERVED:
        is_first = snapshot.source is SnapshotSource.INITIAL_CONNECTION
        return "first sync" if is_first else "synced"
    if connection is not None and connection.kind is ProviderKind.API:
        return "from the provider's history"
    if connection is not None and connection.provider == _CSV:
        return "imported from a CSV file"
    if snapshot.precision is Precision.DAY and connection is not None:
        return f"imported from statement of {snapshot.captured_at.date()}"
    return "imported"
