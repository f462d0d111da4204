"""Writes the chunks of history that ``history_cache`` reads.

A chunk is a Zstandard frame (RFC 8878) with a checksum. An account's newest snapshot is short: it
stays uncompressed behind a CRC-32, because decompressing would take longer.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import itemgetter
from threading import local
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from dashtam.database.history.balance_snapshots import BalanceSnapshots
from dashtam.database.tables import accounts, history_chunks
from dashtam.domain.account import AccountId
from dashtam.domain.history.balance_history import ChangedSnapshot, with_change
from dashtam.domain.history.balance_snapshot import BalanceSnapshot
from dashtam.domain.period import MIN_INSTANT

Render = Callable[[ChangedSnapshot], bytes]
"""Renders a snapshot as the JSON that the API sends."""

CHUNK_SIZE: Final = 72
"""Snapshots in a full chunk. At some 50 bytes each, a compressed chunk fits a database page."""

MAX_CHUNK_BYTES: Final = 64 * 1024 * 1024
"""The size of the largest chunk that is decompressed, uncompressed."""

_INSERT_SIZE: Final = 64
_LEVEL: Final = 3
_CHECKSUM_BYTES: Final = 4

_c = history_chunks.c


@dataclass(slots=True)
class _Chunk:
    """The rendered snapshots captured after an instant, as many as were added."""

    after_at: datetime
    count: int = 0
    last_at: datetime = MIN_INSTANT
    parts: list[bytes] = field(default_factory=list)

    def add(self, at: datetime, rendered: bytes) -> None:
        self.parts.append(rendered)
        self.count += 1
        self.last_at = at

    def is_full_before(self, at: datetime) -> bool:
        # Snapshots of one instant share a chunk, so that an instant marks the end of a chunk.
        return self.count >= CHUNK_SIZE and at != self.last_at

    def row_of(self, account_id: AccountId) -> dict[str, object]:
        return {
            "account_id": account_id,
            "last_at": self.last_at,
            "after_at": self.after_at,
            "snapshots": self.count,
            "compressed": compress(b",".join(self.parts)),
        }


class HistoryChunks:
    """Every statement that writes ``history_chunks``; without ``render`` no account has any.

    ``changed`` holds the accounts with changed snapshots, each with the first instant of the
    change, None where the whole history changed.
    """

    def __init__(self, connection: Connection, render: Render | None) -> None:
        self._connection = connection
        self._snapshots = BalanceSnapshots(connection)
        self._render = render
        self.changed: dict[AccountId, datetime | None] = {}

    def mark_changed(self, account_id: AccountId, since: datetime | None = None) -> None:
        """Have the account's chunks rebuilt from an instant on before the transaction commits."""
        earlier = self.changed.get(account_id, since)
        self.changed[account_id] = min(since, earlier) if since and earlier else None

    def rebuild_changed(self) -> None:
        """Rebuild the chunks of each changed account, and lock the account until the commit."""
        for account_id, since in sorted(self.changed.items(), key=itemgetter(0)):
            statement = select(accounts.c.chunked_until).where(accounts.c.id == account_id)
            until = self._connection.scalar(statement.with_for_update())
            if self._render is None:
                self._delete(account_id, MIN_INSTANT)
                self._update_account(account_id, None, None)
            else:
                known_until, chunk = self._resume(account_id, until, since)
                self._write(account_id, self._render, known_until, chunk)
        self.changed = {}

    def is_outdated(self, account_id: AccountId) -> bool:
        """Tell whether the account's chunks differ from those that a rebuild would write."""
        if self._render is None:
            return False
        statement = select(accounts.c.chunked_until, accounts.c.latest)
        account = self._connection.execute(statement.where(accounts.c.id == account_id)).one()
        chunks = self._connection.execute(
            select(history_chunks).where(_c.account_id == account_id).order_by(_c.last_at)
        ).all()
        if account.chunked_until is None:
            return bool(chunks) or account.latest is not None
        snapshots = self._render_after(self._render, account_id, MIN_INSTANT)
        until, newest = MIN_INSTANT, b""
        try:
            for chunk in chunks:
                expected = list(islice(snapshots, chunk.snapshots))
                if not expected or (chunk.after_at, chunk.last_at) != (until, expected[-1][0]):
                    return True
                content = b",".join(part for _, part in expected)
                if decompress(chunk.compressed) != content:
                    return True
                until, newest = expected[-1]
            latest = verify_checksum(account.latest)
            is_same_end = (until, newest) == (account.chunked_until, latest)
        except DamagedChunkError:
            return True
        return not is_same_end or any(snapshots)

    def _resume(
        self, account_id: AccountId, until: datetime | None, since: datetime | None
    ) -> tuple[datetime, _Chunk]:
        """Delete the outdated chunks; return the end of the others and the chunk to continue."""
        if until is not None and since is not None:
            first = self._connection.execute(
                select(history_chunks)
                .where(_c.account_id == account_id, _c.last_at >= min(since, until))
                .order_by(_c.last_at)
                .limit(1)
            ).one_or_none()
            if first is not None and since <= until:
                self._delete(account_id, first.last_at)
                return first.after_at, _Chunk(first.after_at)
            if first is not None and first.snapshots >= CHUNK_SIZE:
                return until, _Chunk(until)
            if first is not None:
                with suppress(DamagedChunkError):
                    content = decompress(first.compressed)
                    self._delete(account_id, first.last_at)
                    return until, _Chunk(first.after_at, first.snapshots, until, [content])
        self._delete(account_id, MIN_INSTANT)
        return MIN_INSTANT, _Chunk(MIN_INSTANT)

    def _write(
        self, account_id: AccountId, render: Render, known_until: datetime, chunk: _Chunk
    ) -> None:
        rows: list[dict[str, object]] = []
        rendered = None
        for at, rendered in self._render_after(render, account_id, known_until):
            if chunk.is_full_before(at):
                rows.append(chunk.row_of(account_id))
                chunk = _Chunk(chunk.last_at)
            chunk.add(at, rendered)
            if len(rows) == _INSERT_SIZE:
                self._connection.execute(insert(history_chunks), rows)
                rows.clear()
        if chunk.count:
            rows.append(chunk.row_of(account_id))
            self._connection.execute(insert(history_chunks), rows)
        if rendered is not None:
            self._update_account(account_id, chunk.last_at, rendered)
        elif known_until == MIN_INSTANT:
            self._update_account(account_id, None, None)

    def _render_after(
        self, render: Render, account_id: AccountId, after: datetime
    ) -> Iterator[tuple[datetime, bytes]]:
        """Yield the instant and the JSON of each snapshot captured after an instant."""
        previous: BalanceSnapshot | None = None
        for snapshot in self._snapshots.since(account_id, after):
            if snapshot.captured_at > after:
                yield snapshot.captured_at, render(with_change(previous, snapshot))
            previous = snapshot

    def _delete(self, account_id: AccountId, since: datetime) -> None:
        self._connection.execute(
            delete(history_chunks).where(_c.account_id == account_id, _c.last_at >= since)
        )

    def _update_account(
        self, account_id: AccountId, until: datetime | None, latest: bytes | None
    ) -> None:
        self._connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(chunked_until=until, latest=None if latest is None else add_checksum(latest))
        )


class DamagedChunkError(Exception):
    """The bytes do not match their checksum."""


class _Codecs(local):
    """A compressor and a decompressor for each thread: expensive to make and not thread-safe."""

    def __init__(self) -> None:
        self.compressor = ZstdCompressor(level=_LEVEL, write_checksum=True)
        self.decompressor = ZstdDecompressor()


_codecs = _Codecs()


def compress(content: bytes) -> bytes:
    """Return the content as a Zstandard frame."""
    return _codecs.compressor.compress(content)


def decompress(compressed: bytes) -> bytes:
    """Return the content of a Zstandard frame.

    Raises:
        DamagedChunkError: the frame is damaged.
    """
    try:
        return _codecs.decompressor.decompress(compressed, max_output_size=MAX_CHUNK_BYTES)
    except ZstdError as error:
        raise DamagedChunkError from error


def add_checksum(content: bytes) -> bytes:
    """Return the content behind its checksum."""
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES) + content


def verify_checksum(stored: bytes) -> bytes:
    """Return the content without the checksum before it.

    Raises:
        DamagedChunkError: the content does not match its checksum.
    """
    content = stored[_CHECKSUM_BYTES:]
    if add_checksum(content) != stored:
        raise DamagedChunkError
    return content
