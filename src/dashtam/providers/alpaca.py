"""Alpaca's trading API: equity, cash and positions now, and a daily history of the equity."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    Http,
    HttpAnswer,
    Pace,
    ProviderFailed,
    Report,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.parsing import Unusable
from dashtam.domain.statement import Position, Reading, RowError
from dashtam.providers import http_json
from dashtam.providers.http_json import Record, text

LIVE: Final = "https://api.alpaca.markets"
PAPER: Final = "https://paper-api.alpaca.markets"

_NAME: Final = "Alpaca"
_VISIBLE: Final = 4
_KINDS: Final = {"us_equity": "stock", "crypto": "crypto", "us_option": "option"}
# A daily bar ends with the day in New York, which is 00:00Z, 04:00Z or 05:00Z of the next one.
_INTO_THE_DAY: Final = timedelta(hours=5, seconds=1)
_MILLISECONDS: Final = 100_000_000_000
_CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR = 400, 429, 500


class Alpaca:
    """One account, real or on paper: the key says which."""

    slug = "alpaca"
    name = _NAME
    credentials: Sequence[CredentialField] = (
        CredentialField("key_id", "API key id", is_secret=False),
        CredentialField("secret_key", "API secret key"),
    )
    pace = Pace(every=timedelta(days=1), daily_budget=1000)

    def __init__(self, live: str = LIVE, paper: str = PAPER) -> None:
        self._live = live
        self._paper = paper

    def connect(self, given: Mapping[str, str], http: Http) -> Mapping[str, str]:
        """Return what was given: nothing is handed out."""
        del http
        return {
            field.name: http_json.credential(given, field.name, field.title)
            for field in self.credentials
        }

    def fetch(
        self, kept: Mapping[str, str], http: Http, *, now: datetime, backfill: bool
    ) -> Report:
        """Return the account and, with ``backfill``, its equity at the end of every day before."""
        headers = {"APCA-API-KEY-ID": kept["key_id"], "APCA-API-SECRET-KEY": kept["secret_key"]}
        # Keys of paper accounts begin with PK, all others belong to real ones.
        service = self._paper if kept["key_id"].startswith("PK") else self._live

        def get(path: str, *params: tuple[str, str]) -> HttpAnswer:
            return http.request("GET", f"{service}/v2/{path}", params=params, headers=headers)

        account = _of_success(get("account"), now)
        if not isinstance(account, dict):
            http_json.not_understood()
        positions = _of_success(get("positions"), now)
        problems: list[RowError] = []
        history: list[Reading] = []
        if backfill:
            said = get(
                "account/portfolio/history",
                ("timeframe", "1D"),
                ("start", _opened(account, now)),
                ("end", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            )
            history = _history(said, now, problems)
        return _report(account, positions, history, problems, now)


def _of_success(answer: HttpAnswer, now: datetime) -> object:
    http_json.raise_for_status(answer, _NAME, now)
    return http_json.json_of(answer)


def _opened(account: Record, now: datetime) -> str:
    told = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text(account, "created_at"))
    return f"{told[0] if told else (now - timedelta(days=365)).date()}T00:00:00Z"


def _report(
    account: Record,
    held: object,
    history: Sequence[Reading],
    problems: list[RowError],
    now: datetime,
) -> Report:
    try:
        identity = _identity(account)
    except Unusable as unusable:
        raise ProviderFailed(str(unusable)) from None
    positions = _positions(held, identity.currency, now, problems)
    balance = http_json.told_amount("equity", account, "equity", problems)
    cash = http_json.told_amount("cash", account, "cash", problems)
    current: Reading | None = None
    if balance is not None:
        value = http_json.value_of(positions, identity.currency)
        current = Reading(now, balance, holdings_value=value, cash_value=cash)
    elif not problems:
        problems.append(parsing.missing_balance(field="equity").problem())
    return Report([AccountReport(identity, current, history, positions, tuple(problems))])


def _identity(account: Record) -> Identity:
    number = text(account, "account_number")
    external_id = text(account, "id") or number
    if not http_json.is_identifier(external_id):
        raise Unusable(code="missing_account", detail="id is missing: no account is told.")
    masked = f"••••{parsing.clean(number)[-_VISIBLE:]}" if number else None
    return Identity(
        institution_key="alpaca",
        institution=_NAME,
        external_id=external_id,
        name=f"{_NAME} {masked}" if masked else _NAME,
        account_type=AccountType.BROKERAGE,
        number_masked=masked,
        currency=parsing.currency("currency", text(account, "currency")),
    )


def _positions(
    held: object, currency: Currency, now: datetime, problems: list[RowError]
) -> tuple[Position, ...] | None:
    if not isinstance(held, list) or len(held) > http_json.MAX_POSITIONS:
        http_json.not_understood()
    try:
        return tuple(_position(http_json.record(item), currency, now) for item in held)
    except Unusable as unusable:
        # A part of the positions would look like all of them.
        problems.append(unusable.problem())
        return None


def _position(held: Record, currency: Currency, now: datetime) -> Position:
    quantity = http_json.optional_amount("qty", held, "qty")
    if quantity is None:
        raise Unusable(code="invalid_amount", detail="qty is missing.")
    symbol = http_json.named(text(held, "symbol"), "unknown")
    return Position(
        symbol=symbol,
        name=symbol,
        asset_type=_KINDS.get(text(held, "asset_class"), "other"),
        quantity=quantity,
        price=http_json.optional_amount("current_price", held, "current_price"),
        market_value=http_json.optional_amount("market_value", held, "market_value"),
        cost_basis=http_json.optional_amount("cost_basis", held, "cost_basis"),
        currency=currency,
        as_of=now,
    )


def _history(answer: HttpAnswer, now: datetime, problems: list[RowError]) -> list[Reading]:
    """Return the equity at the end of each day before today.

    A service that fails is an error, so that the history is asked for again; an account that has
    no such history has a problem, and a balance all the same.
    """
    is_refused = _CLIENT_ERROR <= answer.status < _SERVER_ERROR and answer.status != _TOO_MANY
    said = {} if is_refused else http_json.record(_of_success(answer, now))
    stamps, equity = said.get("timestamp"), said.get("equity")
    if not isinstance(stamps, list) or not isinstance(equity, list) or len(stamps) != len(equity):
        detail = "The history is missing, or its days and values do not belong together."
        problems.append(RowError(None, "invalid_history", detail))
        return []
    days: dict[date, Decimal] = {}
    disputed: set[date] = set()
    for day, value in _funded(stamps, equity, problems):
        if day < now.astimezone(UTC).date() and days.setdefault(day, value) != value:
            disputed.add(day)
    return [Reading(parsing.noon(day), days[day]) for day in sorted(days) if day not in disputed]


def _funded(
    stamps: Sequence[object], equity: Sequence[object], problems: list[RowError]
) -> Iterator[tuple[date, Decimal]]:
    """Yield days and values from the first deposit on: the zeros before it are no balances."""
    is_funded = False
    for stamp, said in zip(stamps, equity, strict=True):
        if said is None:
            continue
        try:
            day, value = _day(stamp), parse_amount(said if isinstance(said, str) else "")
        except (InvalidAmount, ValueError, OverflowError):
            problem = RowError(None, "invalid_history", "A day of the history cannot be used.")
            if problem not in problems:
                problems.append(problem)
            continue
        is_funded = is_funded or bool(value)
        if is_funded:
            yield day, value


def _day(stamp: object) -> date:
    if not isinstance(stamp, str) or not re.fullmatch(r"[0-9]{9,13}", stamp):
        raise ValueError
    seconds = int(stamp) // 1000 if int(stamp) >= _MILLISECONDS else int(stamp)
    return (datetime.fromtimestamp(seconds, UTC) - _INTO_THE_DAY).date()
