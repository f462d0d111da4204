"""Revisions: listing the changes of an account's past."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from dashtam.application.history import accounts
from dashtam.database.pagination import Cursor, ListPage, PageRequest
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.revision import (
    Actor,
    Backfill,
    RecordedRun,
    Revision,
    RevisionKind,
    find_backfills,
    revisions_of_events,
)
from dashtam.domain.sync import SyncKind
from dashtam.domain.user import UserId


def list_for_account(
    work: UnitOfWork, user_id: UserId, account_id: AccountId, page: PageRequest
) -> ListPage[Revision]:
    """Return the changes of the account's past, the newest first.

    Raises:
        AccountNotFound: no account has this id.
        AccountForbidden: it is another user's.
    """
    account = accounts.load(work, user_id, account_id)
    found: list[Revision] = []
    backfills: list[Backfill] = []
    for member in work.account_joins.around([account.id]).members_of(account.id):
        events = [link.event for link in work.account_events.links(member)]
        runs = work.recorded_runs.of_account(member)
        own = list(find_backfills(runs, events))
        backfills += own
        found += revisions_of_events(events)
        found += map(_revision_of_backfill, own)
        found += (
            _revision_of_retraction(run, run.retracted_at)
            for run in runs
            if run.retracted_at is not None and run.ever_counted
        )
    found.sort(key=_position, reverse=True)
    after = None if page.after is None else (page.after.name, page.after.id)
    rest = [one for one in found if after is None or _position(one) < after]
    shown = _bound_backfills(work, account, rest[: page.limit], backfills)
    last = None
    if len(rest) > page.limit:
        name, last_id = _position(shown[-1])
        last = Cursor(last_id, name)
    return ListPage(shown, len(found), last)


def _position(revision: Revision) -> tuple[str, UUID]:
    # With the same digits in each text, texts are in the order of time.
    return revision.at.isoformat(timespec="microseconds"), revision.id


def _revision_of_backfill(backfill: Backfill) -> Revision:
    run = backfill.run
    is_live = run.kind is SyncKind.LIVE
    detail = "A balance of the past was typed."
    if run.kind is not SyncKind.TYPED:
        origin = "the provider" if is_live else "a file"
        detail = f"Balances of the past were recorded from {origin}."
    return _revision_of_run(
        run, run.finished_at, RevisionKind.BACKFILL, Actor.SYNC if is_live else Actor.OWNER, detail
    )


def _revision_of_retraction(run: RecordedRun, at: datetime) -> Revision:
    detail = "All balances of a run were taken back."
    return _revision_of_run(run, at, RevisionKind.SYNC_RETRACTION, Actor.OWNER, detail)


def _revision_of_run(
    run: RecordedRun, at: datetime, kind: RevisionKind, by: Actor, detail: str
) -> Revision:
    return Revision(
        id=run.sync_id,
        at=at,
        kind=kind,
        by=by,
        detail=detail,
        sync_id=run.sync_id,
        first_captured_at=run.first_captured_at,
        last_captured_at=run.last_captured_at,
        points=run.points,
    )


def _bound_backfills(
    work: UnitOfWork, account: Account, shown: Sequence[Revision], backfills: Sequence[Backfill]
) -> Sequence[Revision]:
    """Leave the newer snapshots of backfills out, which changed no past."""
    bounds = {
        one.run.sync_id: one.newest_at
        for one in backfills
        if one.run.last_captured_at >= one.newest_at
    }
    shown_ids = {one.sync_id for one in shown if one.kind is RevisionKind.BACKFILL}
    wanted = {sync_id: at for sync_id, at in bounds.items() if sync_id in shown_ids}
    members = work.account_joins.around([account.id]).members_of(account.id)
    counted = work.recorded_runs.count_before(members, wanted)
    bounded = []
    for one in shown:
        if one.kind is RevisionKind.BACKFILL and one.sync_id in counted:
            points, last_captured_at = counted[one.sync_id]
            bounded.append(replace(one, points=points, last_captured_at=last_captured_at))
        else:
            bounded.append(one)
    return bounded
