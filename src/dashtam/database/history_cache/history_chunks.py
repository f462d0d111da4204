"""Writes the chunks of history that ``history_cache`` reads."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from dashtam.database.history.account_heads import AccountHead, AccountHeads
from dashtam.database.history.balance_snapshots import BalanceSnapshots, SnapshotRange
from dashtam.database.history_cache.chunk_format import (
    ChunkFormat,
    DamagedError,
    ForgedError,
    Segment,
)
from dashtam.database.history_cache.chunk_rows import (
    CHUNK_SIZE,
    Chunk,
    ChunkDraft,
    RenderedSnapshot,
    place_of,
    render_after,
    render_snapshot,
    split_chunk,
)
from dashtam.database.repository import AnyRow
from dashtam.database.tables import history_chunks
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.money import Money
from dashtam.domain.period import MIN_INSTANT
from dashtam.log import log

# The snapshots that one account collects before its chunks are written.
_MOST_PENDING: Final = 64 * CHUNK_SIZE

# The chunks of a longer history are written again after the transaction that changes it.
_MOST_REBUILT: Final = 2_000

_c = history_chunks.c


class CacheState(Enum):
    """How an account's cached history compares with its snapshots."""

    SOUND = auto()
    OUTDATED = auto()
    FORGED = auto()


@dataclass(slots=True)
class _Pending:
    """Changes of one account's history that its chunks do not have yet.

    ``appended`` snapshots follow all earlier ones, the last of which has the balance ``newest``.
    ``inserted`` are the instants of snapshots before the last one. ``written_until`` is the end of
    the last chunk that is stored.
    """

    account: Account
    head: AccountHead
    written_until: datetime | None
    newest: Money | None = None
    appended: list[RenderedSnapshot] = field(default_factory=list)
    inserted: set[datetime] = field(default_factory=set)
    is_rebuilt: bool = False
    is_dropped: bool = False

    def is_usable(self) -> bool:
        """Tell whether the stored chunks can be continued."""
        return not (self.is_rebuilt or self.head.is_distrusted)


@dataclass(frozen=True, slots=True)
class RebuiltHistory:
    """The chunks of an account as they follow from its snapshots, while it had this head.

    Without a draft they are deleted.
    """

    account: Account
    head: AccountHead
    draft: ChunkDraft | None


class HistoryChunks:
    """Every statement that writes ``history_chunks``; without a format no account has any.

    Changes are collected, and written for all accounts together by ``flush`` before the commit.
    A value that was not written with the key is evidence: it stays as it is, and the account's
    cache is distrusted from then on. ``dropped`` are the accounts whose chunks were deleted, and
    are to be written again after the commit, each with its number of snapshots.
    """

    def __init__(
        self, connection: Connection, heads: AccountHeads, chunk_format: ChunkFormat | None
    ) -> None:
        self._connection = connection
        self._heads = heads
        self._snapshots = BalanceSnapshots(connection)
        self._format = chunk_format
        self._pending: dict[AccountId, _Pending] = {}
        self.dropped: dict[AccountId, int] = {}

    def record(self, account: Account, snapshots: Sequence[BalanceSnapshot]) -> None:
        """Add new snapshots of an account, in order of recording; its head has them already."""
        pending = self._pending_of(account)
        head = pending.head
        if self._format is None or not pending.is_usable():
            return
        if head.chunked_until is None and head.chain_length > len(snapshots):
            # Earlier snapshots were retracted, or the cache was emptied.
            pending.is_rebuilt = True
        self._read_newest(pending)
        if not pending.is_usable():
            return
        for snapshot in snapshots:
            at = snapshot.captured_at
            if head.chunked_until is not None and at < head.chunked_until:
                pending.inserted.add(at)
                pending.is_rebuilt = len(pending.inserted) > _MOST_PENDING
            else:
                pending.appended.append(render_snapshot(self._format, pending.newest, snapshot))
                pending.newest, head.chunked_until = snapshot.balance, at
        if len(pending.appended) >= _MOST_PENDING:
            self._append(self._format, [pending])

    def newest_balances(self, accounts: Collection[Account]) -> dict[AccountId, Money]:
        """Return the newest balance of each account that has any, just recorded ones too."""
        found: dict[AccountId, Money] = {}
        missing: list[AccountId] = []
        for account in accounts:
            pending = self._pending_of(account)
            self._read_newest(pending)
            if pending.is_usable() and pending.newest is not None:
                found[account.id] = pending.newest
            elif pending.head.chain_length:
                missing.append(account.id)
        if missing:
            newest = self._snapshots.latest_of(missing)
            found |= {account_id: snapshot.balance for account_id, snapshot in newest.items()}
        return found

    def rebuild(self, account: Account, *, later: bool = False) -> None:
        """Have all chunks of the account written again from its snapshots.

        If it has many, or ``later``, they are deleted now and written after the commit.
        """
        pending = self._pending_of(account)
        pending.is_rebuilt = True
        pending.is_dropped |= later

    def draft(self, account: Account) -> ChunkDraft | None:
        """Return a draft of the account's chunks, None where no chunks are written."""
        return None if self._format is None else ChunkDraft(account.id, self._format)

    def adopt(self, drafts: Mapping[AccountId, ChunkDraft], accounts: Collection[Account]) -> None:
        """Store the drafts of accounts that had no history; have the chunks of others rebuilt."""
        heads = self._heads.lock(accounts)
        adopted = []
        for account in accounts:
            draft, head = drafts.get(account.id), heads[account.id]
            if draft is None or draft.count != head.chain_length or head.is_distrusted:
                self.rebuild(account, later=True)
            else:
                adopted.append(RebuiltHistory(account, head, draft))
        self._replace_all(adopted, heads)

    def prepare(self, accounts: Collection[Account]) -> list[RebuiltHistory]:
        """Return the chunks of accounts, without those whose cache is distrusted; lock nothing."""
        if self._format is None:
            return []
        heads = self._heads.get(accounts)
        return [
            self._rebuilt(self._format, account, heads[account.id])
            for account in accounts
            if account.id in heads and not heads[account.id].is_distrusted
        ]

    def store(self, rebuilt: Collection[RebuiltHistory]) -> list[AccountId]:
        """Replace the chunks of accounts; return those whose history has changed meanwhile."""
        # An account may have been erased with its owner meanwhile.
        existing = self._heads.get([one.account for one in rebuilt])
        rebuilt = [one for one in rebuilt if one.account.id in existing]
        heads = self._heads.lock([one.account for one in rebuilt])
        fitting = [one for one in rebuilt if _state(heads[one.account.id]) == _state(one.head)]
        self._replace_all(fitting, heads)
        stored = {one.account.id for one in fitting}
        return [one.account.id for one in rebuilt if one.account.id not in stored]

    def accept(self, account: Account) -> None:
        """Trust the account's cache again, and have it written again from its snapshots."""
        head = self._pending_of(account).head
        head.is_distrusted, head.latest = False, None
        self._delete_all(account.id)
        self.rebuild(account)

    def flush(self) -> None:
        """Write the chunks of every account that changed."""
        pending, self._pending = list(self._pending.values()), {}
        if self._format is None:
            for one in pending:
                self._delete_all(one.account.id)
                one.head.chunked_until = one.head.latest = None
            return
        self._append(self._format, [one for one in pending if one.appended])
        self._insert(self._format, [one for one in pending if one.inserted])
        if rebuilt := [one for one in pending if one.is_rebuilt]:
            self._drop_or_rebuild(self._format, rebuilt)

    def compare(self, head: AccountHead) -> CacheState:
        """Compare an account's chunks with those that a rebuild would write."""
        account_id = head.account_id
        if self._format is None:
            return CacheState.SOUND
        if head.is_distrusted or self._forged(self._format, [head]):
            return CacheState.FORGED
        rendered = self._render_all(self._format, account_id)
        until, newest = None, b""
        try:
            for row in self._all_chunks(account_id):
                expected = list(islice(rendered, row.snapshots))
                content = b"".join(one.content for one in expected)
                is_next = expected and (row.after_at, row.last_at) == (until, expected[-1].at)
                if not is_next or self._open(self._format, row).inflate() != content:
                    return CacheState.OUTDATED
                until, newest = expected[-1]
            latest = b""
            if head.latest is not None:
                stored = self._format.open_latest(head.latest, account_id)
                latest = stored + b"," if stored else b""
        except DamagedError:
            return CacheState.OUTDATED
        is_same_end = (until, newest) == (head.chunked_until, latest)
        return CacheState.SOUND if is_same_end and not any(rendered) else CacheState.OUTDATED

    def _pending_of(self, account: Account) -> _Pending:
        pending = self._pending.get(account.id)
        if pending is None:
            head = self._heads.lock([account])[account.id]
            pending = self._pending[account.id] = _Pending(account, head, head.chunked_until)
        return pending

    def _read_newest(self, pending: _Pending) -> None:
        latest = pending.head.latest
        if self._format is None or pending.newest is not None or latest is None:
            return
        with self._noting_faults(pending):
            content = self._format.open_latest(latest, pending.account.id)
            pending.newest = self._format.parse_balance(content) if content else None

    def _append(self, chunk_format: ChunkFormat, pending: Sequence[_Pending]) -> None:
        """Write the appended snapshots into the last chunk of each account, and new ones."""
        last = self._last_chunks(pending)
        extended: list[dict[str, object]] = []
        rows: list[dict[str, object]] = []
        for one in pending:
            account_id = one.account.id
            chunk = self._continue(chunk_format, one, last.get(account_id))
            one.appended = []
            if chunk is None:
                continue
            first, *others = [part.row_of(account_id, chunk_format) for part in split_chunk(chunk)]
            if chunk.begin:
                key = {"of": account_id, "until": one.written_until}
                extended.append({f"new_{name}": value for name, value in first.items()} | key)
            else:
                rows.append(first)
            rows += others
            newest = chunk.snapshots[-1]
            one.written_until = newest.at
            one.head.latest = chunk_format.seal_latest(newest.content[:-1], account_id)
        if extended:
            self._connection.execute(_EXTEND, extended)
        if rows:
            self._connection.execute(insert(history_chunks), rows)

    def _continue(
        self, chunk_format: ChunkFormat, pending: _Pending, last: AnyRow | None
    ) -> Chunk | None:
        """Return the appended snapshots behind those of the last chunk, unless that is full.

        Return None where the last chunk cannot be continued.
        """
        appended = pending.appended
        if pending.written_until is None:
            return Chunk(None, appended)
        chunk: Chunk | None = None
        with self._noting_faults(pending):
            if last is None:
                raise DamagedError
            segment = self._open(chunk_format, last)
            # Snapshots of one instant share a chunk: an instant is the end of a chunk.
            if last.snapshots < CHUNK_SIZE or appended[0].at == last.last_at:
                chunk = Chunk(last.after_at, appended, segment.inflate(), last.snapshots)
            else:
                chunk = Chunk(last.last_at, appended)
        return chunk

    def _insert(self, chunk_format: ChunkFormat, pending: Sequence[_Pending]) -> None:
        """Write the chunks again in which snapshots were inserted, and no other ones."""
        pending = [one for one in pending if one.is_usable()]
        if not pending:
            return
        affected = self._affected_chunks(pending)
        deleted: list[AnyRow] = []
        ranges: list[tuple[_Pending, SnapshotRange]] = []
        for one in pending:
            runs = affected[one.account.id]
            with self._noting_faults(one):
                for row in chain.from_iterable(runs):
                    self._open(chunk_format, row)
            for run in runs if one.is_usable() else ():
                deleted += run
                bounds = SnapshotRange(one.account.id, run[0].after_at, run[-1].last_at)
                ranges.append((one, bounds))
        found = self._snapshots.in_ranges([bounds for _, bounds in ranges])
        rows: list[dict[str, object]] = []
        for (one, bounds), snapshots in zip(ranges, found, strict=True):
            rendered = list(render_after(chunk_format, bounds.after_at, snapshots))
            is_last = bounds.last_at == one.head.chunked_until
            chunks = split_chunk(Chunk(bounds.after_at, rendered), is_last=is_last)
            rows += [chunk.row_of(one.account.id, chunk_format) for chunk in chunks]
            if is_last:
                latest = rendered[-1].content[:-1]
                one.head.latest = chunk_format.seal_latest(latest, one.account.id)
        self._replace(deleted, rows)

    def _drop_or_rebuild(self, chunk_format: ChunkFormat, pending: Collection[_Pending]) -> None:
        """Delete all chunks of the accounts, unless there is evidence to keep.

        Those of short histories are written again.
        """
        heads = {one.account.id: one.head for one in pending if not one.head.is_distrusted}
        forged = self._forged(chunk_format, heads.values())
        for head in heads.values():
            if head.account_id in forged:
                self._distrust(head)
        usable = [one for one in pending if not one.head.is_distrusted]
        replaced = []
        for one in usable:
            one.head.cache_rebuilds += 1
            if one.is_dropped or one.head.chain_length > _MOST_REBUILT:
                self.dropped[one.account.id] = one.head.chain_length
                replaced.append(RebuiltHistory(one.account, one.head, None))
            else:
                replaced.append(self._rebuilt(chunk_format, one.account, one.head))
        self._replace_all(replaced, heads)

    def _rebuilt(
        self, chunk_format: ChunkFormat, account: Account, head: AccountHead
    ) -> RebuiltHistory:
        draft = ChunkDraft(account.id, chunk_format)
        draft.record(self._snapshots.since(account.id, MIN_INSTANT))
        return RebuiltHistory(account, head, draft)

    def _replace_all(
        self, rebuilt: Collection[RebuiltHistory], heads: Mapping[AccountId, AccountHead]
    ) -> None:
        account_ids = [one.account.id for one in rebuilt]
        if account_ids:
            is_any = _c.account_id.in_(account_ids)
            self._connection.execute(delete(history_chunks).where(is_any))
        drafts = {one.account.id: one.draft for one in rebuilt}
        rows = [row for draft in drafts.values() if draft is not None for row in draft.rows()]
        if rows:
            self._connection.execute(insert(history_chunks), rows)
        for account_id, draft in drafts.items():
            head = heads[account_id]
            head.chunked_until = head.latest = None
            if draft is not None:
                head.chunked_until, head.latest = draft.until, draft.latest()

    def _last_chunks(self, pending: Iterable[_Pending]) -> dict[AccountId, AnyRow]:
        until = {one.account.id: one.written_until for one in pending}
        ends = {end for end in until.values() if end is not None}
        if not ends:
            return {}
        keys = {"of_accounts": list(until), "of_ends": list(ends)}
        rows = self._connection.execute(_AT_ENDS, keys).all()
        return {row.account_id: row for row in rows if row.last_at == until[row.account_id]}

    def _affected_chunks(self, pending: Sequence[_Pending]) -> dict[AccountId, list[list[AnyRow]]]:
        """Return the chunks to write again, in runs of consecutive ones."""
        inserted = {one.account.id: one.inserted for one in pending}
        since = min(map(min, inserted.values()))
        bounds = select(_c.account_id, _c.last_at).order_by(_c.last_at)
        bounds = bounds.where(_c.account_id.in_(inserted), _c.last_at >= since)
        ends: dict[AccountId, list[datetime]] = {}
        for account_id, last_at in self._connection.execute(bounds):
            ends.setdefault(account_id, []).append(last_at)
        places: dict[AccountId, list[int]] = {}
        for account_id, instants in inserted.items():
            of_account = ends[account_id]
            chunks = {bisect_left(of_account, at) for at in instants}
            # A snapshot at the end of a chunk changes the first one of the next.
            chunks |= {bisect_right(of_account, at) for at in instants}
            places[account_id] = sorted(chunks)
        chosen = {ends[account_id][at] for account_id, found in places.items() for at in found}
        keys = {"of_accounts": list(places), "of_ends": list(chosen)}
        found_rows = self._connection.execute(_AT_ENDS, keys)
        rows = {(row.account_id, row.last_at): row for row in found_rows}
        runs: dict[AccountId, list[list[AnyRow]]] = {}
        for account_id, found in places.items():
            previous = None
            for at in found:
                row = rows[account_id, ends[account_id][at]]
                if previous is None or at != previous + 1:
                    runs.setdefault(account_id, []).append([])
                runs[account_id][-1].append(row)
                previous = at
        return runs

    def _render_all(
        self, chunk_format: ChunkFormat, account_id: AccountId
    ) -> Iterator[RenderedSnapshot]:
        return render_after(chunk_format, None, self._snapshots.since(account_id, MIN_INSTANT))

    def _all_chunks(self, account_id: AccountId) -> Sequence[AnyRow]:
        statement = select(history_chunks).where(_c.account_id == account_id)
        return self._connection.execute(statement.order_by(_c.last_at)).all()

    def _forged(self, chunk_format: ChunkFormat, heads: Collection[AccountHead]) -> set[AccountId]:
        """Return the accounts of which any cached value was not written with the key."""

        def is_forged(open_value: Callable[[], object]) -> bool:
            try:
                open_value()
            except DamagedError:
                return False
            except ForgedError:
                return True
            return False

        forged = {
            head.account_id
            for head in heads
            if head.latest is not None
            and is_forged(partial(chunk_format.open_latest, head.latest, head.account_id))
        }
        of_these = _c.account_id.in_([head.account_id for head in heads])
        for row in self._connection.execute(select(history_chunks).where(of_these)):
            if is_forged(partial(self._open, chunk_format, row)):
                forged.add(row.account_id)
        return forged

    def _open(self, chunk_format: ChunkFormat, row: AnyRow) -> Segment:
        place = place_of(row.account_id, row.after_at, row.last_at, row.snapshots)
        return chunk_format.open_segment(row.segment, place)

    def _replace(self, deleted: Iterable[AnyRow], rows: Sequence[dict[str, object]]) -> None:
        keys = [{"of": row.account_id, "until": row.last_at} for row in deleted]
        if keys:
            self._connection.execute(_DELETE, keys)
        if rows:
            self._connection.execute(insert(history_chunks), rows)

    def _delete_all(self, account_id: AccountId) -> None:
        self._connection.execute(delete(history_chunks).where(_c.account_id == account_id))

    @contextmanager
    def _noting_faults(self, pending: _Pending) -> Iterator[None]:
        """Have a damaged cache rebuilt, and a forged one left alone and distrusted."""
        try:
            yield
        except DamagedError:
            pending.is_rebuilt = True
        except ForgedError:
            self._distrust(pending.head)

    def _distrust(self, head: AccountHead) -> None:
        log.error("history_chunks_forged", account_id=str(head.account_id))
        head.is_distrusted = True


def _state(head: AccountHead) -> tuple[object, ...]:
    """Return what changes with the account's snapshots and chunks."""
    return head.chain, head.cache_rebuilds, head.chunked_until, head.is_distrusted


_AT_ENDS: Final[Any] = select(history_chunks).where(
    _c.account_id.in_(bindparam("of_accounts", expanding=True)),
    _c.last_at.in_(bindparam("of_ends", expanding=True)),
)
_EXTEND: Final[Any] = (
    update(history_chunks)
    .where(_c.account_id == bindparam("of"), _c.last_at == bindparam("until"))
    .values({name: bindparam(f"new_{name}") for name in ("last_at", "snapshots", "segment")})
)
_DELETE: Final[Any] = delete(history_chunks).where(
    _c.account_id == bindparam("of"), _c.last_at == bindparam("until")
)
