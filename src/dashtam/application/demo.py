"""The demonstration: its own user, sample statements, a live connection and a token."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from operator import itemgetter
from typing import Final

from dashtam.application.connections import connect
from dashtam.application.connections.connect import NewConnection
from dashtam.application.history import accounts
from dashtam.application.history.accounts import AccountChanges
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Import, SentFile
from dashtam.application.people import api_tokens, users
from dashtam.application.ports import Services
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountType
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import DashtamError
from dashtam.domain.period import ALL_TIME, Period
from dashtam.domain.user import User, UserId

EMAIL: Final = "demo@dashtam.local"
TOKEN_NAME: Final = "dashtam demo"  # noqa: S105 - a name
TOKEN_DAYS: Final = 1

_PROVIDER: Final = "demo"

# The owner's corrections of accounts without a type or a name in their files, by external id.
_CORRECTIONS: Final[Mapping[str, AccountChanges]] = {
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
    """A statement file: its name, its bytes, and the mapping of its columns where it needs one."""

    name: str
    content: bytes
    mapping: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Demo:
    """The number of accounts and snapshots, and the last year of the longest history."""

    accounts: int
    snapshots: int
    longest: Account
    last_year: Period
    token: str


def prepare(services: Services, password: str, samples: Iterable[Sample]) -> Demo:
    """Prepare a user with this password, the imported samples, a live connection and a new token.

    Existing data stays as it is: only the token is replaced.

    Raises:
        DashtamError: there are no samples, or another preparation runs at this moment.
    """
    user = _prepare_user(services, password)
    for sample in samples:
        sent = SentFile(user.id, io.BytesIO(sample.content), sample.name, mapping=sample.mapping)
        file_import.import_file(services, sent, _correct_accounts)
    with services.database.read() as work:
        is_connected = bool(_list_live(work, user.id))
    if not is_connected:
        # Beside the files, a connection that the worker syncs.
        connect.connect(services, user.id, NewConnection(_PROVIDER, {"seed": EMAIL}))
    with services.database.write() as work:
        for token in list(iterate_all(lambda page: api_tokens.list_for_user(work, user.id, page))):
            if token.name == TOKEN_NAME:
                api_tokens.revoke(work, user.id, token.id)
        secrets = services.secrets
        _, text = api_tokens.create(work, secrets, user.id, TOKEN_NAME, TOKEN_DAYS)
        return _summarize(work, user.id, text)


def _prepare_user(services: Services, password: str) -> User:
    with services.database.read() as work:
        user = work.users.find_by_email(EMAIL)
        password_hash = None if user is None else work.users.password_hash(user.id)
    if user is not None:
        if not services.passwords.verify(password, password_hash):
            users.reset_password(services, user, password)
        return user
    password_hash = services.passwords.hash(password)
    with services.database.write() as work:
        user = User(UserId(work.random_id()), EMAIL, work.now)
        # Not by registration: that is for people, and the operator may have closed it.
        if not work.users.add(user, password_hash):
            raise DashtamError(detail="Another demonstration is being made ready at this moment.")
        work.record_event("user_registered", user.id, user.id)
    return user


def _correct_accounts(work: UnitOfWork, done: Import) -> None:
    for imported in done.accounts:
        changes = _CORRECTIONS.get(imported.account.external_id)
        if imported.is_new and changes:
            accounts.change(work, imported.account, changes)


def _list_live(work: UnitOfWork, user_id: UserId) -> set[ConnectionId]:
    known = iterate_all(lambda page: work.connections.of_user(user_id, page))
    return {connection.id for connection in known if connection.provider == _PROVIDER}


def _summarize(work: UnitOfWork, user_id: UserId, token: str) -> Demo:
    snapshots = 0
    histories: list[tuple[int, Account, Period]] = []
    shown = list(iterate_all(lambda page: accounts.list_for_user(work, user_id, page)))
    live = _list_live(work, user_id)
    for one in shown:
        if one.newest is None:
            continue
        snapshots += work.balance_snapshots.count_within(one.account.id, ALL_TIME, None)
        # The history that is shown first must not grow: live accounts do.
        if one.account.connection_id in live:
            continue
        last_day = one.newest.captured_at.astimezone(UTC)
        midnight = last_day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        year = Period(midnight - timedelta(days=365), midnight - timedelta(seconds=1))
        count = work.balance_snapshots.count_within(one.account.id, year, None)
        histories.append((count, one.account, year))
    if not histories:
        raise DashtamError(detail="There are no sample statements to show.")
    _, longest, last_year = max(histories, key=itemgetter(0))
    return Demo(len(shown), snapshots, longest, last_year, token)
