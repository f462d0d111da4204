"""The evidence of a balance, in words: its origin and its later amendments."""

from typing import Final

from dashtam.domain.connection import Connection, ProviderKind
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis
from dashtam.domain.history.hold import HoldDecision
from dashtam.domain.period import Precision
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.schemas.snapshots import Evidence

_ORIGINS: Final = {Basis.ENTERED: "typed", Basis.INTERIM: "imported, interim"}
_TABLES: Final = {"balance_csv": "a CSV file", "workbook": "a spreadsheet"}


def amendment_text(evidence: Evidence) -> str:
    """Return the latest amendment of a snapshot, nothing where there is none."""
    if evidence.superseded_at is not None:
        return f"superseded {evidence.superseded_at.date()}"
    if evidence.retracted_at is not None:
        return f"retracted {evidence.retracted_at.date()}"
    if evidence.hold is not None:
        state = {None: "held", HoldDecision.RELEASE: "released", HoldDecision.REJECT: "rejected"}
        return f"{state[evidence.hold.decision]}: {evidence.hold.rule}"
    return "" if evidence.supersedes is None else "a correction"


def origin_text(snapshot: BalanceSnapshot, connection: Connection | None) -> str:
    """Return the origin of a balance of an account of this connection."""
    if snapshot.basis in _ORIGINS:
        return _ORIGINS[snapshot.basis]
    if snapshot.basis is Basis.OBSERVED:
        is_first = snapshot.source is SnapshotSource.INITIAL_CONNECTION
        return "first sync" if is_first else "synced"
    if connection is not None and connection.kind is ProviderKind.API:
        return "from the provider's history"
    if connection is not None and connection.provider in _TABLES:
        return f"imported from {_TABLES[connection.provider]}"
    if snapshot.precision is Precision.DAY and connection is not None:
        return f"imported from statement of {snapshot.captured_at.date()}"
    return "imported"
