"""Chunks of rendered snapshots: how they are filled, split and stored."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from dashtam.database.history_cache.chunk_format import ChunkFormat, Segment, chunk_place
from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_history import ChangedSnapshot
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.money import Change, Money
from dashtam.domain.period import to_microseconds

CHUNK_SIZE: Final = 120
"""The fewest snapshots of a chunk, but for the last one of an account.

At some 30 bytes each, a compressed chunk of this size fits a page of the database.
"""

# zlib releases the interpreter: a long import fills chunks while the full ones are compressed.
_COMPRESSING: Final = ThreadPoolExecutor(1, "compress chunks")
# Few of an account wait, so that the transaction that stores them waits for a moment only.
_MOST_WAITING: Final = 4


class RenderedSnapshot(NamedTuple):
    """The JSON of a snapshot with a comma behind it, and the instant of its capture."""

    at: datetime
    content: bytes


@dataclass(slots=True)
class Chunk:
    """The snapshots captured after an instant, None for the first chunk of an account."""

    after_at: datetime | None
    snapshots: list[RenderedSnapshot]
    # The content of further snapshots before those, and their count.
    begin: bytes = b""
    begin_count: int = 0

    @property
    def count(self) -> int:
        """The number of all its snapshots."""
        return self.begin_count + len(self.snapshots)

    def row_of(self, account_id: AccountId, chunk_format: ChunkFormat) -> dict[str, object]:
        """Return the row of ``history_chunks`` that holds it."""
        content = self.begin + b"".join(rendered.content for rendered in self.snapshots)
        # A full chunk is compressed once, the last one at every capture.
        segment = Segment.of(content, is_thorough=self.count >= CHUNK_SIZE)
        key = self.after_at, self.snapshots[-1].at, self.count
        return {
            "account_id": account_id,
            "after_at": self.after_at,
            "last_at": self.snapshots[-1].at,
            "snapshots": self.count,
            "segment": chunk_format.seal_segment(segment, place_of(account_id, *key)),
        }


def split_chunk(chunk: Chunk, *, is_last: bool = True) -> Iterator[Chunk]:
    """Yield the chunk in parts of about ``CHUNK_SIZE``, none smaller but the account's last."""
    while True:
        cut = max(CHUNK_SIZE - chunk.begin_count, 1)
        snapshots = chunk.snapshots
        while cut < len(snapshots) and snapshots[cut].at == snapshots[cut - 1].at:
            cut += 1
        left = len(snapshots) - cut
        if left <= 0 or (left < CHUNK_SIZE and not is_last):
            yield chunk
            return
        yield Chunk(chunk.after_at, snapshots[:cut], chunk.begin, chunk.begin_count)
        chunk = Chunk(snapshots[cut - 1].at, snapshots[cut:])


class ChunkDraft:
    """All chunks of one account, before they are stored: as ``split_chunk`` cuts them.

    ``count`` is the number of snapshots, ``until`` the instant of the last one.
    """

    def __init__(self, account_id: AccountId, chunk_format: ChunkFormat) -> None:
        self.count = 0
        self.until: datetime | None = None
        self._account_id = account_id
        self._format = chunk_format
        self._rows: list[Future[dict[str, object]]] = []
        self._after_at: datetime | None = None
        self._last: list[RenderedSnapshot] = []
        self._newest: Money | None = None

    def record(self, snapshots: Iterable[BalanceSnapshot]) -> bool:
        """Add snapshots in order of capture; False where one is earlier than the one before."""
        for snapshot in snapshots:
            at = snapshot.captured_at
            if self.until is not None and at < self.until:
                return False
            if len(self._last) >= CHUNK_SIZE and at != self.until:
                full = Chunk(self._after_at, self._last)
                row = _COMPRESSING.submit(full.row_of, self._account_id, self._format)
                self._rows.append(row)
                wait(self._rows[-_MOST_WAITING : -_MOST_WAITING + 1])
                self._after_at, self._last = self.until, []
            self._last.append(render_snapshot(self._format, self._newest, snapshot))
            self._newest, self.until = snapshot.balance, at
            self.count += 1
        return True

    def rows(self) -> list[dict[str, object]]:
        """Return the rows of ``history_chunks``."""
        if not self._last:
            return []
        last = Chunk(self._after_at, self._last)
        rows = [row.result() for row in self._rows]
        return [*rows, last.row_of(self._account_id, self._format)]

    def latest(self) -> bytes:
        """Return the newest snapshot, sealed; nothing where there is none."""
        newest = self._last[-1].content[:-1] if self._last else b""
        return self._format.seal_latest(newest, self._account_id)


def render_after(
    chunk_format: ChunkFormat, after_at: datetime | None, snapshots: Iterable[BalanceSnapshot]
) -> Iterator[RenderedSnapshot]:
    """Yield the snapshots captured after an instant; those up to it come before."""
    balance: Money | None = None
    for snapshot in snapshots:
        if after_at is None or snapshot.captured_at > after_at:
            yield render_snapshot(chunk_format, balance, snapshot)
        balance = snapshot.balance


def render_snapshot(
    chunk_format: ChunkFormat, previous: Money | None, snapshot: BalanceSnapshot
) -> RenderedSnapshot:
    """Return the snapshot with its change since the balance before it."""
    change = None if previous is None else Change.between(previous, snapshot.balance)
    content = chunk_format.render(ChangedSnapshot(snapshot, change)) + b","
    return RenderedSnapshot(snapshot.captured_at, content)


def place_of(
    account_id: AccountId, after_at: datetime | None, last_at: datetime, count: int
) -> bytes:
    """Return the place of a chunk, for which alone its digest is valid."""
    after_us = None if after_at is None else to_microseconds(after_at)
    return chunk_place(account_id, after_us, to_microseconds(last_at), count)
