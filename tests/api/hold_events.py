"""The events of a hold, recorded as its owner's decision or a sync would."""

from typing import Any
from uuid import UUID

from application import App
from dashtam.application.history.capture import record_events
from dashtam.domain.account import AccountId
from dashtam.domain.history.account_event import EventKind, NewEvent
from dashtam.domain.history.balance_snapshot import SnapshotId


def told(app: App) -> str:
    return app.clock().isoformat().replace("+00:00", "Z")


def decide(app: App, snapshot: Any, kind: EventKind, counts: bool) -> str:  # noqa: ANN401, FBT001 - JSON
    """Record an event about a snapshot a minute later, and return its time."""
    app.clock.advance(minutes=1)
    with app.services.database.write() as work:
        account = work.accounts.get(AccountId(UUID(snapshot["account_id"])))
        assert account is not None
        stored = work.balance_snapshots.find(account.id, SnapshotId(UUID(snapshot["id"])))
        assert stored is not None
        content = {"snapshot_id": snapshot["id"], "captured_at": snapshot["captured_at"]}
        if kind is EventKind.HOLD:
            content |= {"rule": "sudden_zero"}
        sequence = stored.record.sequence
        event = NewEvent(kind, content, sequence=sequence, counts=counts)
        record_events(work, {account: [event]})
        work.history_chunks.rebuild(account)
    return told(app)
