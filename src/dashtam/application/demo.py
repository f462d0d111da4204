"""The demonstration: a user of its own, sample statements, and a token to look at them with."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from dashtam.application.audit_log import note
from dashtam.application.connections import connect
from dashtam.application.connections.connect import NewConnection
from dashtam.application.history import accounts
from dashtam.application.history.accounts import AccountChanges
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import SentFile
from dashtam.application.imports.import_result import Import
from dashtam.application.people import api_tokens, users
from dashtam.application.ports import Services
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountType
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import DashtamError
from dashtam.domain.period import Period
from dashtam.domain.user import User, UserId

EMAIL: Final = "demo@dashtam.local"
TOKEN_NAME: Final = "dashtam demo"  # noqa: S105 - a name
TOKEN_DAYS: Final = 1

_PROVIDER: Final = "demo"
_YEAR: Final = timedelta(days=365)
_EVER: Final = Period(datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))

# What the owner of the samples would say of accounts whose files do not say it, by external id.
_SAID: Final[Mapping[str, AccountChanges]] = {
    "Everyday checking": {"account_type": AccountType.CHECKING},
    "Rainy day savings": {"account_type": AccountType.SAVINGS},
    "Home loan": {"account_type": AccountType.MORTGAGE},
    "Index portfolio": {"account_type": AccountType.BROKERAGE},
    "Bausparvertrag": {"account_type": AccountType.SAVINGS},
    "DE40999999990004471200": {"name": "Girokonto", "account_type": AccountType.CHECKING},
    "DE22999999990004471233": {"name": "Tagesgeld", "account_type": AccountType.SAVINGS},
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A statement file: its name, its bytes, and what its columns mean where that must be told."""

    name: str
    content: bytes
    mapping: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Demo:
    """What there is to look at: how much of it, and the last year of the longest history."""

    accounts: int
    snapshots: int
    longest: Account
    last_year: Period
    token: str


def prepare(services: Services, password: str, samples: Iterable[Sample]) -> Demo:
    """Have the user sign in with this password, the samples imported, and a new token.

    Whatever is there already stays as it is: only the token is replaced.

    Raises:
        Refusal: there is nothing to import.
    """
    user = _user(services, password)
    _import(services, user.id, samples)
    _connect(services, user.id)
    with services.database.write() as work:
        return _demo(work, user.id, _new_token(services, work, user.id))


def _user(services: Services, password: str) -> User:
    with services.database.read() as work:
        user = work.users.find_by_email(EMAIL)
        kept = None if user is None else work.users.password_hash(user.id)
    if user is None:
        return _new_user(services, password)
    if not services.passwords.verify(password, kept):
        users.reset_password(services, user, password)
    return user


def _new_user(services: Services, password: str) -> User:
    password_hash = services.passwords.hash(password)
    with services.database.write() as work:
        user = User(UserId(work.random_id()), EMAIL, work.now)
        # Not registered: that is for people, and the operator may have closed it.
        if not work.users.add(user, password_hash):
            detail = "Another demonstration is being made ready at this moment."
            raise DashtamError(detail)
        note(work, "user_registered", user.id, user.id)
    return user


def _import(services: Services, user_id: UserId, samples: Iterable[Sample]) -> None:
    for sample in samples:
        sent = SentFile(user_id, io.BytesIO(sample.content), mapping=sample.mapping)
        file_import.import_file(services, sent, _say)


def _connect(services: Services, user_id: UserId) -> None:
    """Have a live connection beside the files, which the worker goes on syncing."""
    with services.database.read() as work:
        if _live(work, user_id):
            return
    connect.connect(services, user_id, NewConnection(_PROVIDER, {"seed": EMAIL}))


def _live(work: UnitOfWork, user_id: UserId) -> set[ConnectionId]:
    known = iterate_all(lambda page: work.connections.of_user(user_id, page))
    return {connection.id for connection in known if connection.provider == _PROVIDER}


def _say(work: UnitOfWork, done: Import) -> None:
    for imported in done.accounts:
        said = _SAID.get(imported.account.external_id)
        if imported.is_new and said:
            accounts.change(work, imported.account, said)


def _new_token(services: Services, work: UnitOfWork, user_id: UserId) -> str:
    for token in list(iterate_all(lambda page: api_tokens.of_user(work, user_id, page))):
        if token.name == TOKEN_NAME:
            api_tokens.revoke(work, user_id, token.id)
    _, text = api_tokens.create(work, services.secrets, user_id, TOKEN_NAME, TOKEN_DAYS)
    return text


def _demo(work: UnitOfWork, user_id: UserId, token: str) -> Demo:
    counted = 0
    longest: tuple[int, Account, Period] | None = None
    shown = list(iterate_all(lambda page: accounts.of_user(work, user_id, page)))
    live = _live(work, user_id)
    for one in shown:
        if one.newest is None:
            continue
        counted += work.balance_snapshots.count_within(one.account.id, _EVER, None)
        # What is shown first is what stays as it is.
        if one.account.connection_id in live:
            continue
        period = _year_until(one.newest.captured_at)
        count = work.balance_snapshots.count_within(one.account.id, period, None)
        if longest is None or count > longest[0]:
            longest = (count, one.account, period)
    if longest is None:
        detail = "There are no sample statements to show."
        raise DashtamError(detail)
    return Demo(len(shown), counted, longest[1], longest[2], token)


def _year_until(last: datetime) -> Period:
    """Return the year that ends with this day."""
    midnight = last.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + timedelta(days=1, seconds=-1)
    return Period(end + timedelta(seconds=1) - _YEAR, end)
