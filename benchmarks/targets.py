"""What is asked for: the three snapshot endpoints, and what each must answer to the byte."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from benchmarks.balances import NOON
from benchmarks.dataset import Book, Owner
from benchmarks.wire import get
from dashtam.application.history import balance_snapshots
from dashtam.application.ports import Services
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountId
from dashtam.domain.period import Period
from dashtam.domain.user import SessionId, UserId
from dashtam.presentation.schemas.snapshots import history_shape, latest_shape

API: Final = "/api/v1"

_RECENT: Final = 30
_TOKEN_GOOD_FOR_S: Final = 600
# Snapshots stand at noon: a window may begin and end this much beside it, and hold the same ones.
_PLAY_S: Final = 40_000


@dataclass(frozen=True, slots=True)
class Question:
    """One request: whose, of which account (by its place), for how many days (0: no history)."""

    owner: Owner
    account: int
    days: int
    target: str
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One of the things that are measured."""

    name: str
    days: int = 0
    is_recent: bool = False
    needs_long: bool = False

    def ask(self, book: Book, owner: Owner, account: int, random: Random | None) -> Question:
        """Return the question; with ``random`` one that was hardly ever asked before."""
        if self.is_recent:
            path = f"{API}/accounts/{owner.account_ids[account]}/balance-snapshots?limit={_RECENT}"
            return Question(owner, account, 0, path)
        if not self.days:
            return Question(owner, account, 0, f"{API}/balance-snapshots")
        play = timedelta(seconds=random.randrange(_PLAY_S) if random else 0)
        end = datetime.combine(book.last_on, NOON) + play
        play = timedelta(seconds=random.randrange(_PLAY_S) if random else 0)
        start = datetime.combine(book.last_on, NOON) - timedelta(days=self.days - 1) - play
        path = f"{API}/accounts/{owner.account_ids[account]}/balance-history"
        asked = f"?start_date={_text(start)}&end_date={_text(end)}"
        return Question(owner, account, self.days, path + asked, Period(start, end))


HISTORY_30: Final = Target("history 30", days=30)
HISTORY_365: Final = Target("history 365", days=365)
HISTORY_3650: Final = Target("history 3,650", days=3_650, needs_long=True)
RECENT: Final = Target("recent 30", is_recent=True)
LATEST: Final = Target("latest 8")
TARGETS: Final = (HISTORY_30, HISTORY_365, HISTORY_3650, RECENT, LATEST)


class Asker:
    """Makes requests with tokens of the world's sessions, signed as the product signs them."""

    def __init__(self, services: Services, book: Book) -> None:
        self._services = services
        self._tokens: dict[UserId, tuple[str, float]] = {}
        self._random = Random(1)  # noqa: S311 - which account is no secret
        self._any: dict[str, Iterator[tuple[Owner, int]]] = {}
        self.book = book

    def token(self, owner: Owner) -> str:
        """Return an access token that is good for some minutes more."""
        user_id = UserId(owner.user_id)
        token, made_at = self._tokens.get(user_id, ("", 0.0))
        if not token or time.monotonic() - made_at > _TOKEN_GOOD_FOR_S:
            session_id = SessionId(owner.session_id)
            token = self._services.signer.issue(user_id, session_id, self._services.clock())
            self._tokens[user_id] = token, time.monotonic()
        return token

    def request(self, question: Question, **headers: str) -> bytes:
        """Return the request's bytes."""
        return get(question.target, self.token(question.owner), **headers)

    def hot(self, target: Target) -> Question:
        """Return the question that is the same each time."""
        return target.ask(self.book, self.book.long_owners[0], 0, None)

    def any(self, target: Target, count: int) -> list[Question]:
        """Return questions of one account after the other, none twice before all had their turn."""
        turns = self._any.setdefault(target.name, self._turns(target))
        return [
            target.ask(self.book, *turn, self._random)
            for turn, _ in zip(turns, range(count), strict=False)
        ]

    def _turns(self, target: Target) -> Iterator[tuple[Owner, int]]:
        accounts = range(1) if target.needs_long or target is LATEST else self._accounts()
        owners = self.book.long_owners if target.needs_long else self.book.owners
        turns = [(owner, account) for owner in owners for account in accounts]
        while True:
            self._random.shuffle(turns)
            yield from turns

    def _accounts(self) -> range:
        return range(self.book.size.accounts)

    def expected(self, question: Question) -> bytes:
        """Return the answer's body, from the rows by way of the use case."""
        with self._services.database.read() as work:
            return msgspec.json.encode(_shape(work, question))


def _shape(work: UnitOfWork, question: Question) -> object:
    user_id = UserId(question.owner.user_id)
    account_id = AccountId(question.owner.account_ids[question.account])
    if question.period is not None:
        history = balance_snapshots.load_history(work, user_id, account_id, question.period)
        return history_shape(history)
    if "limit=" in question.target:
        return history_shape(balance_snapshots.load_recent(work, user_id, account_id, _RECENT))
    return latest_shape(balance_snapshots.load_latest(work, user_id))


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
