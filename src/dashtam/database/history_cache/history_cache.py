"""Reads the chunks of history through the database's own driver.

SQLAlchemy compiles each statement once. One statement checks the credential and the account's owner
and reads the chunks, all on one state of the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
)

from dashtam.database.column_types import Id, Instant
from dashtam.database.history_cache.chunk_format import (
    ChunkFormat,
    DamagedError,
    ForgedError,
    Segment,
    chunk_place,
)
from dashtam.database.history_cache.chunk_rows import CHUNK_SIZE
from dashtam.database.history_cache.drivers import CacheMissError, Driver, Row, Values
from dashtam.database.people.api_tokens import USE_RECORDED_EVERY
from dashtam.database.tables import (
    account_heads,
    accounts,
    api_tokens,
    history_chunks,
    sessions,
)
from dashtam.domain.account import AccountId
from dashtam.domain.period import Period, to_microseconds
from dashtam.domain.user import ApiTokenId, SessionId, UserId
from dashtam.log import log

MAX_CHUNKS: Final = 160
"""The most chunks that one request reads: on SQLite they are read in the event loop."""

_a = accounts.c
_c = history_chunks.c
_h = account_heads.c


@dataclass(frozen=True, slots=True)
class Credential:
    """The caller's credential: the session of a verified access token, or an API token's hash."""

    at: datetime
    session_id: SessionId | None = None
    token_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """The credential's user, and the API token if its use has to be recorded."""

    user_id: UserId
    unrecorded_token_id: ApiTokenId | None


@dataclass(frozen=True, slots=True)
class CachedHistory:
    """Consecutive chunks of one account's history, oldest first, each with its count of snapshots.

    A chunk is the JSON of its snapshots, with a comma behind each. The first and the last chunk may
    hold snapshots outside the requested ones.
    """

    viewer: Viewer
    segments: Sequence[Segment]
    snapshot_counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class CachedBalance:
    """The newest snapshot of one account, as the API sends it."""

    is_hidden: bool
    is_closed: bool
    snapshot: bytes


class _ChunkRow(NamedTuple):
    user_id: Any
    unrecorded_token_id: Any
    chunked_until: Any
    after_at: Any
    last_at: Any
    snapshots: int
    segment: bytes


class HistoryCache:
    """The chunks of a database; ``rebuild`` starts the rebuilding of an account's damaged chunks.

    Every query raises ``CacheMissError`` where the rows have to give the answer. ``version``,
    ``is_immediate``, ``open`` and ``close`` are the driver's.
    """

    def __init__(
        self, driver: Driver, chunk_format: ChunkFormat, rebuild: Callable[[UUID], None]
    ) -> None:
        self.version = driver.version
        self.is_immediate = driver.is_immediate
        self.open = driver.open
        self.close = driver.close
        self._driver = driver
        self._format = chunk_format
        self._rebuild = rebuild
        self._statements = {
            (name, kind): driver.prepare(build(caller))
            for name, build in _STATEMENTS.items()
            for kind, caller in _CALLERS.items()
        }
        self._to_id, self._from_id = Id.conversions(driver.dialect)
        self._to_instant, _ = Instant.conversions(driver.dialect)
        # SQLite stores microseconds.
        is_sqlite = driver.dialect.name == "sqlite"
        self._to_microseconds: Callable[[Any], int] = int if is_sqlite else to_microseconds

    async def latest(self, credential: Credential) -> tuple[Viewer, Sequence[CachedBalance]]:
        """Return the newest snapshot of each of the user's accounts, by account name, then id."""
        rows = await self._fetch("latest", credential, {})
        balances = []
        for _, _, stored_id, is_hidden, closed_at, chain_length, latest, is_unusable in rows:
            if is_unusable or (latest is None and chain_length):
                raise CacheMissError
            if latest is not None:
                account_id = self._from_id(stored_id)
                try:
                    snapshot = self._format.open_latest(latest, account_id)
                except (DamagedError, ForgedError) as error:
                    raise self._unusable(account_id, error) from None
                if snapshot:
                    balances.append(CachedBalance(bool(is_hidden), closed_at is not None, snapshot))
        return self._viewer(rows[0]), balances

    async def within(
        self, credential: Credential, account_id: AccountId, period: Period
    ) -> CachedHistory:
        """Return the chunks that hold the snapshots of a period."""
        start, end = self._to_instant(period.start), self._to_instant(period.end)
        limits = {"start": start, "end": end}
        rows = await self._fetch_chunks("within", credential, account_id, limits)
        if len(rows) > MAX_CHUNKS:
            raise CacheMissError
        first, last = rows[0], rows[-1]
        has_start = first.after_at is None or first.after_at < start
        has_end = last.last_at >= min(end, last.chunked_until)
        if not has_start or not has_end:
            raise self._unusable(account_id, DamagedError())
        return self._open(account_id, rows)

    async def newest(
        self, credential: Credential, account_id: AccountId, limit: int
    ) -> CachedHistory:
        """Return the chunks that hold the newest ``limit`` snapshots."""
        # Every chunk but the last is full, and the last may have a single snapshot.
        limits = {"chunks": (limit - 1) // CHUNK_SIZE + 2}
        rows = (await self._fetch_chunks("newest", credential, account_id, limits))[::-1]
        has_start = sum(row.snapshots for row in rows) >= limit or rows[0].after_at is None
        has_end = rows[-1].last_at == rows[-1].chunked_until
        if not has_start or not has_end:
            raise self._unusable(account_id, DamagedError())
        return self._open(account_id, rows)

    async def _fetch_chunks(
        self, name: str, credential: Credential, account_id: AccountId, limits: Values
    ) -> list[_ChunkRow]:
        parameters = {"account": self._to_id(account_id), **limits}
        rows = [_ChunkRow(*row) for row in await self._fetch(name, credential, parameters)]
        if rows[0].segment is None:
            raise CacheMissError
        return rows

    async def _fetch(self, name: str, credential: Credential, limits: Values) -> Sequence[Row]:
        values: dict[str, object] = {"now": self._to_instant(credential.at), **limits}
        if credential.session_id is not None:
            kind = "session"
            values["credential"] = self._to_id(credential.session_id)
        else:
            kind = "token"
            values["credential"] = credential.token_hash
            values["used_before"] = self._to_instant(credential.at - USE_RECORDED_EVERY)
        rows = await self._driver.fetch(self._statements[name, kind], values)
        if not rows or rows[0][0] is None:
            raise CacheMissError
        return rows

    def _open(self, account_id: AccountId, rows: Sequence[_ChunkRow]) -> CachedHistory:
        if any(earlier.last_at != later.after_at for earlier, later in pairwise(rows)):
            raise self._unusable(account_id, DamagedError())
        try:
            segments = [self._open_segment(account_id, row) for row in rows]
        except (DamagedError, ForgedError) as error:
            raise self._unusable(account_id, error) from None
        return CachedHistory(self._viewer(rows[0]), segments, [row.snapshots for row in rows])

    def _open_segment(self, account_id: AccountId, row: _ChunkRow) -> Segment:
        after_us = None if row.after_at is None else self._to_microseconds(row.after_at)
        last_us = self._to_microseconds(row.last_at)
        place = chunk_place(account_id, after_us, last_us, row.snapshots)
        return self._format.open_segment(row.segment, place)

    def _viewer(self, row: Row) -> Viewer:
        token_id = None if row[1] is None else ApiTokenId(self._from_id(row[1]))
        return Viewer(UserId(self._from_id(row[0])), token_id)

    def _unusable(self, account_id: UUID, error: DamagedError | ForgedError) -> CacheMissError:
        if isinstance(error, ForgedError):
            # It is evidence: `dashtam db verify` reports it, and nothing writes over it.
            log.error("history_chunks_forged", account_id=str(account_id))
        else:
            log.warning("history_chunks_damaged", account_id=str(account_id))
            self._rebuild(account_id)
        return CacheMissError()


_Caller = tuple[ColumnElement[Any], ColumnElement[Any]]

_IS_LIVE_SESSION = (
    sessions.c.id == bindparam("credential"),
    sessions.c.revoked_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
)
_t = api_tokens.c
_IS_LIVE_TOKEN = (
    _t.token_hash == bindparam("credential"),
    _t.revoked_at.is_(None),
    or_(_t.expires_at.is_(None), _t.expires_at > bindparam("now")),
)
_IS_UNRECORDED = or_(_t.last_used_at.is_(None), _t.last_used_at <= bindparam("used_before"))

# The user of the credential, and the API token if its use has to be recorded; each may be NULL.
_CALLERS: Final[Mapping[str, _Caller]] = {
    "session": (select(sessions.c.user_id).where(*_IS_LIVE_SESSION).scalar_subquery(), null()),
    "token": (
        select(_t.user_id).where(*_IS_LIVE_TOKEN).scalar_subquery(),
        select(_t.id).where(*_IS_LIVE_TOKEN, _IS_UNRECORDED).scalar_subquery(),
    ),
}


def _select_latest(caller: _Caller) -> Select[Any]:
    # An account that is likely another one under a new id is left out, and a removed one.
    head = _h.chain_length, _h.latest, or_(_h.is_distrusted, _h.bypasses_cache)
    is_its_head = and_(_h.user_id == _a.user_id, _h.account_id == _a.id)
    return (
        select(*caller, _a.id, _a.is_hidden, _a.closed_at, *head)
        .join_from(accounts, account_heads, is_its_head)
        .where(_a.user_id == caller[0], _a.join_proposed_to.is_(None), _a.removed_at.is_(None))
        .order_by(_a.name, _a.id)
    )


def _select_within(caller: _Caller) -> Select[Any]:
    begins_before_end = or_(_c.after_at.is_(None), _c.after_at < bindparam("end"))
    in_period = _c.last_at >= bindparam("start"), begins_before_end
    statement = _select_chunks(caller, *in_period).order_by(_c.last_at)
    return statement.limit(_literal(MAX_CHUNKS + 1)).offset(_literal(0))


def _select_newest(caller: _Caller) -> Select[Any]:
    limit = bindparam("chunks", type_=Integer)
    return _select_chunks(caller).order_by(_c.last_at.desc()).limit(limit).offset(_literal(0))


def _literal(number: int) -> ColumnElement[int]:
    # SQLite's dialect would add a parameter for a plain number, or for no offset.
    return literal_column(str(number), Integer)


def _select_chunks(caller: _Caller, *conditions: ColumnElement[bool]) -> Select[Any]:
    columns: tuple[ColumnElement[Any], ...] = (
        *caller, _h.chunked_until, _c.after_at, _c.last_at, _c.snapshots, _c.segment,
    )  # fmt: skip
    return (
        select(*columns)
        .select_from(account_heads)
        .outerjoin(history_chunks, and_(_c.account_id == _h.account_id, *conditions))
        .where(
            _h.user_id == caller[0],
            _h.account_id == bindparam("account"),
            _h.is_distrusted.is_(False),
            _h.bypasses_cache.is_(False),
        )
    )


_STATEMENTS: Final = {"latest": _select_latest, "within": _select_within, "newest": _select_newest}
