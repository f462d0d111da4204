"""Reads of what lies ready, by the driver itself: SQLAlchemy writes the statements, once.

A statement settles in one look who asks, whose the account is and what is sent, on one state of the
database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Integer,
    Select,
    and_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
)
from structlog import get_logger

from dashtam.database.column_types import Id, Instant
from dashtam.database.history_cache.chunk_codec import (
    DamagedChunkError,
    decompress,
    verify_checksum,
)
from dashtam.database.history_cache.drivers import CacheMissError, Driver, Parameters, Row
from dashtam.database.history_cache.history_chunks import CHUNK_SIZE, MIN_INSTANT
from dashtam.database.people.api_tokens import USE_RECORDED_EVERY
from dashtam.database.tables import accounts, api_tokens, history_chunks, sessions
from dashtam.domain.account import AccountId
from dashtam.domain.period import Period
from dashtam.domain.user import ApiTokenId, SessionId, UserId

MAX_CHUNKS: Final = 160
"""How many pages are read at most; they are read where nobody else can go on meanwhile."""

_OWNER, _UNTIL, _AFTER, _LAST, _COUNT, _FRAME = range(2, 8)
_p = history_chunks.c
_a = accounts.c
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed: the session of a verified access token, or a read-only token's hash."""

    at: datetime
    session_id: SessionId | None = None
    token_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom the proof stood for when it was read, and the token whose use is not written down."""

    user_id: UserId
    unrecorded_token_id: ApiTokenId | None


@dataclass(frozen=True, slots=True)
class CachedHistory:
    """Pages of one account's history without a gap, oldest first, each as it is sent.

    ``snapshots`` counts those of each page. The first and the last may hold more than was asked.
    """

    viewer: Viewer
    chunks: Sequence[bytes]
    snapshot_counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class CachedBalance:
    """The newest snapshot of one account, as it is sent."""

    is_hidden: bool
    is_closed: bool
    snapshot: bytes


class HistoryCache:
    """What lies ready in a database; ``mend`` is told of an account whose pages are damaged."""

    def __init__(self, driver: Driver, mend: Callable[[UUID], None]) -> None:
        self._driver = driver
        self._mend = mend
        self._sql = {
            (ask, kind): driver.prepare(statement(callers))
            for ask, statement in _STATEMENTS.items()
            for kind, callers in _CALLERS.items()
        }
        self._id = _converter(Id(), driver.dialect)
        self._instant = _converter(Instant(), driver.dialect)
        self._dawn = self._instant(MIN_INSTANT)
        self._uuid_of = _uuid_of_bytes if driver.dialect.name == "sqlite" else _as_it_is

    def version(self) -> object | None:
        """Return what is another after every commit, None where that cannot be told quickly."""
        return self._driver.version()

    async def latest(self, credential: Credential) -> tuple[Viewer, Sequence[CachedBalance]]:
        """Return the newest snapshots; see ``HistoryCache``."""
        rows = await self._rows("latest", credential, {})
        reader = self._reader(rows[0])
        balances = []
        for account_id, is_hidden, closed_at, length, kept in (row[2:] for row in rows):
            if kept is not None:
                sent = self._intact(verify_checksum, kept, account_id)
                balances.append(CachedBalance(bool(is_hidden), closed_at is not None, sent))
            elif length:
                raise CacheMissError
        return reader, balances

    async def within(
        self, credential: Credential, account_id: AccountId, period: Period
    ) -> CachedHistory:
        """Return the pages of a period; see ``HistoryCache``."""
        start, end = self._instant(period.start), self._instant(period.end)
        asked = {"account": self._id(account_id), "start": start, "end": end}
        rows = await self._rows("within", credential, asked)
        pages = _ChunkRows(rows)
        if len(rows) > MAX_CHUNKS:
            raise CacheMissError
        begins = pages.after < start or pages.after == self._dawn
        if not (begins and pages.last >= min(end, pages.until)):
            raise self._gap(account_id)
        return self._pages(account_id, rows, pages)

    async def newest(
        self, credential: Credential, account_id: AccountId, limit: int
    ) -> CachedHistory:
        """Return the newest pages; see ``HistoryCache``."""
        # Every page but the last is full, or was before a later one took its place.
        asked = {"account": self._id(account_id), "pages": (limit - 1) // CHUNK_SIZE + 2}
        rows = (await self._rows("newest", credential, asked))[::-1]
        pages = _ChunkRows(rows)
        has_all = pages.count >= limit or pages.after == self._dawn
        if pages.last != pages.until or not has_all:
            raise self._gap(account_id)
        return self._pages(account_id, rows, pages)

    async def open(self) -> None:
        """Begin; see ``HistoryCache``."""
        await self._driver.open()

    async def close(self) -> None:
        """Let go of the database."""
        await self._driver.close()

    def rebuild(self, account_id: UUID) -> None:
        """Have the account's pages made anew."""
        self._mend(account_id)

    async def _rows(
        self, ask: str, credential: Credential, asked: Mapping[str, object]
    ) -> Sequence[Row]:
        parameters: Parameters = {"now": self._instant(credential.at), **asked}
        if credential.session_id is not None:
            kind = "session"
            parameters["proof"] = self._id(credential.session_id)
        else:
            kind = "token"
            parameters["proof"] = credential.token_hash
            parameters["noted"] = self._instant(credential.at - USE_RECORDED_EVERY)
        rows = await self._driver.rows(self._sql[ask, kind], parameters)
        if not rows or rows[0][0] is None:
            raise CacheMissError
        return rows

    def _reader(self, row: Row) -> Viewer:
        unrecorded_token_id = None if row[1] is None else ApiTokenId(self._uuid_of(row[1]))
        return Viewer(UserId(self._uuid_of(row[0])), unrecorded_token_id)

    def _pages(
        self, account_id: AccountId, rows: Sequence[Row], pages: "_ChunkRows"
    ) -> CachedHistory:
        if pages.has_gap:
            raise self._gap(account_id)
        texts = [self._intact(decompress, row[_FRAME], account_id) for row in rows]
        return CachedHistory(self._reader(rows[0]), texts, [row[_COUNT] for row in rows])

    def _intact(
        self,
        read: Callable[[bytes], bytes],
        kept: bytes,
        account_id: Any,  # noqa: ANN401 - the driver's, or ours
    ) -> bytes:
        try:
            return read(kept)
        except DamagedChunkError:
            found = account_id if isinstance(account_id, UUID) else self._uuid_of(account_id)
            raise self._gap(found) from None

    def _gap(self, account_id: UUID) -> CacheMissError:
        _log.warning("history_chunks_damaged", account_id=str(account_id))
        self._mend(account_id)
        return CacheMissError()


class _ChunkRows:
    """Rows of one account's pages, of an account that is the caller's and has some."""

    def __init__(self, rows: Sequence[Row]) -> None:
        first, last = rows[0], rows[-1]
        if first[_OWNER] != first[0] or first[_UNTIL] is None or first[_FRAME] is None:
            raise CacheMissError
        self.after, self.last, self.until = first[_AFTER], last[_LAST], first[_UNTIL]
        self.count = sum(row[_COUNT] for row in rows)
        self.has_gap = any(earlier[_LAST] != later[_AFTER] for earlier, later in pairwise(rows))


def _latest(callers: "_Callers") -> Select[Any]:
    return (
        select(*callers, _a.id, _a.is_hidden, _a.closed_at, _a.chain_length, _a.latest)
        .where(_a.user_id == callers[0])
        .order_by(_a.name, _a.id)
    )


def _within(callers: "_Callers") -> Select[Any]:
    reach = _p.last_at >= bindparam("start"), _p.after_at < bindparam("end")
    pages = _paged(callers, *reach).order_by(_p.last_at)
    return pages.limit(_literal(MAX_CHUNKS + 1)).offset(_literal(0))


def _newest(callers: "_Callers") -> Select[Any]:
    # SQLite's dialect would ask for an offset by a parameter of its own.
    wanted = bindparam("pages", type_=Integer)
    return _paged(callers).order_by(_p.last_at.desc()).limit(wanted).offset(_literal(0))


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


def _paged(callers: "_Callers", *conditions: ColumnElement[bool]) -> Select[Any]:
    page = _p.after_at, _p.last_at, _p.snapshots, _p.compressed
    return (
        select(*callers, _a.user_id, _a.chunked_until, page[0], *page[1:])
        .outerjoin_from(accounts, history_chunks, and_(_p.account_id == _a.id, *conditions))
        .where(_a.id == bindparam("account"))
    )


_Callers = tuple[ColumnElement[Any], ColumnElement[Any]]


def _by_session() -> _Callers:
    live = select(sessions.c.user_id).where(
        sessions.c.id == bindparam("proof"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
    )
    return live.scalar_subquery(), null()


def _by_token() -> _Callers:
    token = api_tokens.c
    is_good = (
        token.token_hash == bindparam("proof"),
        token.revoked_at.is_(None),
        or_(token.expires_at.is_(None), token.expires_at > bindparam("now")),
    )
    is_unnoted = or_(token.last_used_at.is_(None), token.last_used_at <= bindparam("noted"))
    user = select(token.user_id).where(*is_good)
    unrecorded_token_id = select(token.id).where(*is_good, is_unnoted)
    return user.scalar_subquery(), unrecorded_token_id.scalar_subquery()


_CALLERS: Final = {"session": _by_session(), "token": _by_token()}
_STATEMENTS: Final = {"latest": _latest, "within": _within, "newest": _newest}


def _converter(kind: Id | Instant, dialect: Dialect) -> Callable[[Any], Any]:
    return kind.bind_processor(dialect) or _as_it_is


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - the driver's
    return value


def _uuid_of_bytes(kept: bytes) -> UUID:
    return UUID(bytes=kept)
