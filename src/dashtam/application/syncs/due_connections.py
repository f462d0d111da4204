"""Syncs by the schedule: what is due is claimed by whoever comes first, each slot once."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from dashtam.application.ports import Services
from dashtam.application.syncs import schedule, sync_run
from dashtam.application.syncs.sync_result import SyncClaim, chance
from dashtam.application.syncs.sync_run import SyncRequest
from dashtam.application.syncs.syncs import SyncRunning
from dashtam.database.syncs.connections import LiveConnection
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.connection import ConnectionState
from dashtam.domain.errors import Conflict, RateLimited
from dashtam.domain.sync import SnapshotSource

_SPREAD_AT_ONCE: Final = 1_000
_UNINSTALLED_FOR: Final = timedelta(days=1)


def claim_due(services: Services) -> SyncClaim | None:
    """Claim the connection that is due for longest, None where there is none.

    The slot is served when the result is written, which moves it on in the same transaction: a
    claim that is lost before that leaves the slot due.
    """
    with services.database.read() as work:
        if not work.connections.has_due(work.now):
            return None
    with services.database.write() as work:
        live = work.connections.lock_next_due(work.now)
        if live is None:
            return None
        try:
            wanted = SyncRequest(SnapshotSource.SCHEDULED_SYNC, is_due=True)
            return sync_run.claim(work, services, live, wanted)
        except RateLimited as refusal:
            # Its budget is spent, or somebody asked meanwhile and was told to wait.
            after = timedelta(seconds=refusal.retry_after_s) * (1 + chance(services) / 10)
            _postpone(work, live, after)
        except SyncRunning:
            return None
        except Conflict as refusal:
            _uninstalled(work, live, str(refusal))
    return None


def spread_overdue(services: Services) -> int:
    """Give connections that were due while nobody was there a slot each in the time to come.

    Once for each, however many slots it missed; return how many they were.
    """
    with services.database.write() as work:
        before = work.now - schedule.CATCH_UP_AFTER
        overdue = work.connections.lock_overdue(before, _SPREAD_AT_ONCE)
        for live in overdue:
            provider = services.providers.get(live.connection.provider)
            if provider is not None:
                at = schedule.caught_up_at(provider.pace, work.now, chance(services))
                _postpone(work, live, at - work.now)
    return len(overdue)


def _postpone(work: UnitOfWork, live: LiveConnection, after: timedelta) -> None:
    connection = replace(live.connection, next_sync_at=work.now + after)
    work.connections.update(replace(live, connection=connection))


def _uninstalled(work: UnitOfWork, live: LiveConnection, detail: str) -> None:
    connection = replace(
        live.connection,
        state=ConnectionState.FAILING,
        detail=detail,
        next_sync_at=work.now + _UNINSTALLED_FOR,
        updated_at=work.now,
    )
    work.connections.update(replace(live, connection=connection))
