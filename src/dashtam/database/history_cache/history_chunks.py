"""Pages of history, made from its rows: what ``ready_reads`` reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from dashtam.database.history.balance_snapshots import BalanceSnapshots
from dashtam.database.history_cache.chunk_codec import (
    DamagedChunkError,
    compress,
    decompress,
    verify_checksum,
    with_checksum,
)
from dashtam.database.tables import accounts, history_chunks
from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot

Render = Callable[[ChangedSnapshot], bytes]
"""Writes a snapshot as it is sent."""

CHUNK_SIZE: Final = 72
"""How many snapshots fill a page. Its frame, some 50 bytes for each, then fits a database page."""

MIN_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
"""Where the first page of every account begins."""
_BATCH: Final = 64

_p = history_chunks.c


@dataclass(slots=True)
class _Chunk:
    """A page in the making: the snapshots after an instant, as they are sent."""

    after: datetime
    count: int = 0
    last: datetime = MIN_INSTANT
    parts: list[bytes] = field(default_factory=list)

    def add(self, at: datetime, sent: bytes) -> None:
        self.parts.append(sent)
        self.count += 1
        self.last = at

    def is_full_before(self, at: datetime) -> bool:
        # What shares an instant shares a page, so that an instant says where a page ends.
        return self.count >= CHUNK_SIZE and at != self.last


class HistoryChunks:
    """Every statement that writes ``history_chunks``; without ``render`` there are none."""

    def __init__(self, connection: Connection, render: Render | None) -> None:
        self._connection = connection
        self._snapshots = BalanceSnapshots(connection)
        self._render = render
        self._since: dict[AccountId, datetime | None] = {}

    def mark_changed(self, account_id: AccountId, since: datetime | None = None) -> None:
        """Have the account's pages made anew as the work ends, from an instant on; see the port."""
        earlier = self._since.get(account_id, since)
        self._since[account_id] = min(since, earlier) if since and earlier else None

    def forget_changes(self, known: dict[AccountId, datetime | None]) -> None:
        """Go back to the changes that were known before what is undone now."""
        self._since = known

    @property
    def changes(self) -> dict[AccountId, datetime | None]:
        """From when on each account's pages are to be made anew, None where from the first."""
        return dict(self._since)

    def rebuild_changed(self) -> None:
        """Make anew what has to be, each account locked until the work is done."""
        for account_id, since in sorted(self._since.items(), key=itemgetter(0)):
            self._refresh(account_id, since)
        self._since = {}

    def _refresh(self, account_id: AccountId, since: datetime | None) -> None:
        statement = select(accounts.c.chunked_until).where(accounts.c.id == account_id)
        until = self._connection.scalar(statement.with_for_update())
        if self._render is None:
            self._drop(account_id, MIN_INSTANT)
            self._end(account_id, None, None)
            return
        known, page = self._opened(account_id, until, since)
        self._write(account_id, self._render, known, page)

    def is_outdated(self, account_id: AccountId) -> bool:
        """Tell whether pages are there that are not what would be made of the account's rows."""
        if self._render is None:
            return False
        statement = select(accounts.c.chunked_until, accounts.c.latest)
        row = self._connection.execute(statement.where(accounts.c.id == account_id)).one()
        pages = self._connection.execute(
            select(history_chunks).where(_p.account_id == account_id).order_by(_p.last_at)
        ).all()
        if row.chunked_until is None:
            return bool(pages) or row.latest is not None
        rows = self._sent(self._render, account_id, MIN_INSTANT)
        until, newest = MIN_INSTANT, b""
        try:
            for page in pages:
                taken = list(islice(rows, page.snapshots))
                if not taken or (page.after_at, page.last_at) != (until, taken[-1][0]):
                    return True
                if decompress(page.compressed) != b",".join(sent for _, sent in taken):
                    return True
                until, newest = taken[-1]
            return (until, newest) != (row.chunked_until, verify_checksum(row.latest)) or any(rows)
        except DamagedChunkError:
            return True

    def _opened(
        self, account_id: AccountId, until: datetime | None, since: datetime | None
    ) -> tuple[datetime, _Chunk]:
        """Return up to when all is known, and the page with which to go on from there."""
        afresh = MIN_INSTANT, _Chunk(MIN_INSTANT)
        if until is None or since is None:
            self._drop(account_id, MIN_INSTANT)
            return afresh
        touched = min(since, until)
        found = self._connection.execute(
            select(history_chunks)
            .where(_p.account_id == account_id, _p.last_at >= touched)
            .order_by(_p.last_at)
            .limit(1)
        ).one_or_none()
        if found is None or (since > until and found.snapshots >= CHUNK_SIZE):
            return (until, _Chunk(until)) if found else self._opened(account_id, None, None)
        self._drop(account_id, found.last_at)
        if since <= until:
            return found.after_at, _Chunk(found.after_at)
        try:
            kept = decompress(found.compressed)
        except DamagedChunkError:
            return self._opened(account_id, None, None)
        return until, _Chunk(found.after_at, found.snapshots, until, [kept])

    def _write(self, account_id: AccountId, render: Render, known: datetime, page: _Chunk) -> None:
        made: list[dict[str, object]] = []
        sent = None
        for at, sent in self._sent(render, account_id, known):
            if page.is_full_before(at):
                made.append(_row(account_id, page))
                page = _Chunk(page.last)
            page.add(at, sent)
            if len(made) == _BATCH:
                self._connection.execute(insert(history_chunks), made)
                made.clear()
        if page.count:
            made.append(_row(account_id, page))
            self._connection.execute(insert(history_chunks), made)
        if sent is not None:
            self._end(account_id, page.last, sent)
        elif known == MIN_INSTANT:
            self._end(account_id, None, None)

    def _sent(
        self, render: Render, account_id: AccountId, known: datetime
    ) -> Iterator[tuple[datetime, bytes]]:
        """Yield what follows the instant, as it is sent, and when it was captured."""
        previous: BalanceSnapshot | None = None
        for snapshot in self._snapshots.since(account_id, known):
            if snapshot.captured_at > known:
                yield snapshot.captured_at, render(with_change(previous, snapshot))
            previous = snapshot

    def _drop(self, account_id: AccountId, since: datetime) -> None:
        self._connection.execute(
            delete(history_chunks).where(_p.account_id == account_id, _p.last_at >= since)
        )

    def _end(self, account_id: AccountId, until: datetime | None, sent: bytes | None) -> None:
        self._connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(chunked_until=until, latest=None if sent is None else with_checksum(sent))
        )


def _row(account_id: AccountId, page: _Chunk) -> dict[str, object]:
    return {
        "account_id": account_id,
        "last_at": page.last,
        "after_at": page.after,
        "snapshots": page.count,
        "compressed": compress(b",".join(page.parts)),
    }
