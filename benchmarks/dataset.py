"""The world that is measured: users, accounts and years of balances, recorded by the product."""

import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from benchmarks.balances import statements
from benchmarks.databases import Home
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Destination
from dashtam.application.people.sessions import SESSION_LASTS
from dashtam.application.ports import Services
from dashtam.bootstrap import Installation
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.user import Session, SessionId, User, UserId

LONG_DAYS: Final = 3_650
LONG_EVERY: Final = 20
"""Every so manieth user's first account has ten years."""

_MANIFEST: Final = "world.json"
_CHUNK: Final = 20


class Size(msgspec.Struct, frozen=True):
    """How much there is."""

    users: int
    accounts: int
    days: int
    long_days: int = LONG_DAYS

    def days_of(self, user: int, account: int) -> int:
        """Return how many days the account of a user holds, both by their places."""
        is_long = account == 0 and user % LONG_EVERY == 0
        return self.long_days if is_long else self.days

    @property
    def rows(self) -> int:
        """How many snapshots that makes."""
        users, accounts = range(self.users), range(self.accounts)
        return sum(self.days_of(user, account) for user in users for account in accounts)

    @property
    def folder(self) -> str:
        """What a world of this size is called."""
        return f"{self.users}x{self.accounts}x{self.days}-{self.long_days}"


class Owner(msgspec.Struct, frozen=True):
    """One user with a session and accounts; the first account may be the long one."""

    user_id: UUID
    session_id: UUID
    account_ids: list[UUID]
    is_long: bool


class Book(msgspec.Struct, frozen=True):
    """What was made, and what it weighed and took."""

    size: Size
    last_on: date
    owners: list[Owner]
    bytes_on_disk: int
    took_s: float

    @property
    def long_owners(self) -> list[Owner]:
        """Those whose first account has ten years."""
        return [owner for owner in self.owners if owner.is_long]


def have(home: Home, size: Size, *, fresh: bool) -> Book:
    """Return the world at home, made now unless it is there and its sessions are good."""
    manifest = home.data / _MANIFEST
    if not fresh and manifest.exists() and home.exists():
        book = msgspec.json.decode(manifest.read_bytes(), type=Book)
        if _is_good(home, book):
            return book
    home.clear()
    book = _make(home, size)
    manifest.write_bytes(msgspec.json.encode(book))
    return book


def _is_good(home: Home, book: Book) -> bool:
    first = book.owners[0]
    installation = Installation.open(home.given)
    try:
        with installation.services().database.read() as work:
            until = work.now + timedelta(days=1)
            return work.sessions.is_live(SessionId(first.session_id), UserId(first.user_id), until)
    finally:
        installation.close()


def _make(home: Home, size: Size) -> Book:
    installation = Installation.open(home.given)
    services = installation.services()
    last_on = (services.clock() - timedelta(days=1)).date()
    # Slow on purpose, and nobody signs in with it.
    password_hash = services.passwords.hash("a pelican under nine bridges")
    installation.close()
    begun = time.perf_counter()
    some = partial(_record, home, size, last_on, password_hash)
    chunks = [range(at, min(at + _CHUNK, size.users)) for at in range(0, size.users, _CHUNK)]
    # SQLite has one writer at a time.
    workers = min(os.cpu_count() or 1, len(chunks)) if home.server else 1
    if workers == 1:
        made = [some(chunk) for chunk in chunks]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            made = list(pool.map(some, chunks))
    took_s = time.perf_counter() - begun
    owners = [owner for chunk in made for owner in chunk]
    return Book(size, last_on, owners, home.settle(), took_s)


def _record(
    home: Home, size: Size, last_on: date, password_hash: str, users: Iterable[int]
) -> list[Owner]:
    installation = Installation.open(home.given)
    try:
        services = installation.services()
        return [_owner(services, user, size, last_on, password_hash) for user in users]
    finally:
        installation.close()


def _owner(services: Services, place: int, size: Size, last_on: date, password_hash: str) -> Owner:
    random = Random(place)  # noqa: S311 - the same amounts in every run
    with services.database.write() as work:
        user = User(UserId(work.random_id()), f"user{place}@example.org", work.now)
        work.users.add(user, password_hash)
        session = _session(work, user, services.secrets.random())
        work.users.lock_for_recording(user.id)
        told = (
            statement
            for account in range(size.accounts)
            for statement in statements(account, size.days_of(place, account), last_on, random)
        )
        done = file_import.record(work, Destination(user.id, "csv"), told)
        assert not done.skipped + done.refused, "every balance is new"
        accounts = [imported.account.id for imported in done.accounts]
        return Owner(user.id, session.id, list(accounts), place % LONG_EVERY == 0)


def _session(work: UnitOfWork, user: User, secret: bytes) -> Session:
    session = Session(
        id=SessionId(work.new_id()),
        user_id=user.id,
        generation=0,
        refresh_hash=secret,
        rotated_at=work.now,
        created_at=work.now,
        last_used_at=work.now,
        expires_at=work.now + SESSION_LASTS,
        revoked_at=None,
        address=work.address,
        user_agent="benchmark",
    )
    work.sessions.add(session)
    return session
