"""Alpaca's trading API: equity, cash and positions now, and a daily history of the equity."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from dashtam.application.provider import (
    BASE_URL,
    AccountReport,
    CredentialField,
    Credentials,
    Http,
    HttpAnswer,
    Pace,
    ProviderError,
    ProviderFailed,
    Renew,
    Report,
    base_url_field,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import parse_amount
from dashtam.domain.parsing import UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Flow, FlowKind, Reading, RowError, sum_market_values
from dashtam.providers import http_json
from dashtam.providers.http_json import PositionFields, Record, get_text
from dashtam.providers.key_provider import KeyProvider

LIVE: Final = "https://api.alpaca.markets"
PAPER: Final = "https://paper-api.alpaca.markets"

_NAME: Final = "Alpaca"
_ASSET_TYPES: Final = {"us_equity": "stock", "crypto": "crypto", "us_option": "option"}
_POSITION: Final = PositionFields(
    "symbol", "symbol", "qty", "current_price", "market_value", "cost_basis"
)
_ACTIVITIES: Final = {
    "DIV": FlowKind.DIVIDEND,
    "DIVCGL": FlowKind.DIVIDEND,
    "DIVCGS": FlowKind.DIVIDEND,
    "DIVROC": FlowKind.DIVIDEND,
    "DIVTXEX": FlowKind.DIVIDEND,
    "INT": FlowKind.INTEREST,
    "FEE": FlowKind.FEE,
    "CFEE": FlowKind.FEE,
    "PTC": FlowKind.FEE,
    "DIVNRA": FlowKind.OTHER,
    "DIVFT": FlowKind.OTHER,
    "DIVTW": FlowKind.OTHER,
    "INTNRA": FlowKind.OTHER,
    "INTTW": FlowKind.OTHER,
}
_PAYMENTS: Final = frozenset({"CSD", "CSW", "TRANS"})
_TRANSFERS: Final = frozenset({"ACATC", "ACATS", "JNLC", "JNLS"})
_ACTIVITY_TYPES: Final = ",".join(sorted({*_ACTIVITIES, *_PAYMENTS, *_TRANSFERS}))
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_RECENT: Final = timedelta(days=365)
# A daily bar ends with the day in New York, which is 00:00Z, 04:00Z or 05:00Z of the next one.
_NEW_YORK: Final = ZoneInfo("America/New_York")
_INTO_THE_DAY: Final = timedelta(hours=5, seconds=1)
_STAMP: Final = re.compile(r"[0-9]{9,13}")
_MILLISECONDS: Final = 100_000_000_000
_CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR = 400, 429, 500


class Alpaca(KeyProvider):
    """One account, real or on paper, depending on the key."""

    slug = "alpaca"
    name = _NAME
    help_url = "https://docs.alpaca.markets/docs/getting-started"
    credentials: Sequence[CredentialField] = (
        CredentialField("key_id", "API key id", is_secret=False),
        CredentialField("secret_key", "API secret key"),
        base_url_field(LIVE),
    )
    pace = Pace(every=timedelta(days=1), daily_budget=1000)

    def __init__(self, live: str = LIVE, paper: str = PAPER) -> None:
        self._live = live
        self._paper = paper

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the account, and its equity at the end of each day of the last year.

        With ``backfill`` of every day since it was opened.
        """
        del renew
        headers = {"APCA-API-KEY-ID": stored["key_id"], "APCA-API-SECRET-KEY": stored["secret_key"]}
        # Keys of paper accounts begin with PK, all others belong to real ones.
        own = self._paper if stored["key_id"].startswith("PK") else self._live
        service = stored.get(BASE_URL, own)

        def get(path: str, *params: tuple[str, str]) -> HttpAnswer:
            return http.request("GET", f"{service}/v2/{path}", params=params, headers=headers)

        account = _parse_success(get("account"), now)
        if not isinstance(account, dict):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        held = _parse_success(get("positions"), now)
        problems: list[RowError] = []
        flows: list[Flow] = []
        try:
            since = None if backfill else (now - _RECENT).date()
            flows = _fetch_flows(get, since, get_text(account, "currency"), problems, now)
        except ProviderError as error:
            # The balance is there, and the next sync requests these again.
            problems.append(RowError(None, "no_activities", f"Activities: {error}"))
        opened = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", get_text(account, "created_at"))
        start = f"{(now - _RECENT).date()}"
        if opened:
            start = opened[0] if backfill else max(start, opened[0])
        params = (
            ("timeframe", "1D"),
            ("start", f"{start}T00:00:00Z"),
            ("end", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        )
        history: list[Reading] = []
        try:
            history = _parse_history(get("account/portfolio/history", *params), now, problems)
        except ProviderError as error:
            if backfill:
                raise
            # The balance is there, and the next sync requests these again.
            problems.append(RowError(None, "no_history", f"Balances of earlier days: {error}"))
        return Report([_parse_account(account, held, history, flows, problems, now)])


def _fetch_flows(
    get: Callable[..., HttpAnswer],
    since: date | None,
    currency_code: str,
    problems: list[RowError],
    now: datetime,
) -> list[Flow]:
    """Return the flows after a day, or all of them, the newest first."""
    flows: list[Flow] = []
    params = [("activity_types", _ACTIVITY_TYPES), ("page_size", str(_PAGE))]
    if since is not None:
        params.append(("after", f"{since}T00:00:00Z"))
    token = ""
    for _ in range(_MOST_PAGES):
        page = [("page_token", token)] if token else []
        answer = _parse_success(get("account/activities", *params, *page), now)
        if not isinstance(answer, list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        for activity in map(http_json.as_record, answer):
            try:
                flow = _parse_flow(activity, currency_code, now)
            except UnusableField as error:
                problems.append(error.to_row_error())
                continue
            flows += [] if flow is None else [flow]
        token = get_text(http_json.as_record(answer[-1]), "id") if len(answer) == _PAGE else ""
        if not token:
            break
    return flows


def _parse_flow(activity: Record, currency_code: str, now: datetime) -> Flow | None:
    """Return the flow; None where the activity was canceled, or moved no amount."""
    amount = http_json.parse_amount_field(activity, "net_amount")
    if not amount or get_text(activity, "status") == "canceled":
        return None
    code = get_text(activity, "activity_type")
    kind = _ACTIVITIES.get(code, FlowKind.OTHER)
    if code in _PAYMENTS:
        kind = FlowKind.of_payment(amount)
    elif code in _TRANSFERS:
        kind = FlowKind.of_transfer(amount)
    try:
        day = date.fromisoformat(get_text(activity, "date"))
    except ValueError:
        raise parsing.invalid_date(field="date") from None
    parsing.require_past("date", Moment.of_day(day), now)
    currency = parsing.parse_currency_field(
        "currency", get_text(activity, "currency") or currency_code
    )
    return Flow(day, amount, currency, kind, get_text(activity, "id") or None)


def _parse_success(answer: HttpAnswer, now: datetime) -> object:
    return http_json.parse_success(answer, _NAME, now)


def _parse_account(
    account: Record,
    held: object,
    history: Sequence[Reading],
    flows: Sequence[Flow],
    problems: list[RowError],
    now: datetime,
) -> AccountReport:
    number = get_text(account, "account_number")
    external_id = get_text(account, "id") or number
    masked = http_json.mask_number(number)
    try:
        parsing.require_account("id", external_id if http_json.is_identifier(external_id) else "")
        currency = parsing.parse_currency_field("currency", get_text(account, "currency"))
    except UnusableField as error:
        raise ProviderFailed(str(error)) from None
    identity = Identity(
        institution_key="alpaca",
        institution=_NAME,
        external_id=external_id,
        name=f"{_NAME} {masked}" if masked else _NAME,
        account_type=AccountType.BROKERAGE,
        number_masked=masked,
        currency=currency,
    )
    positions = http_json.collect_positions(
        (
            http_json.build_position(
                position,
                _POSITION,
                _ASSET_TYPES.get(get_text(position, "asset_class"), "other"),
                currency,
                now,
            )
            for position in map(http_json.as_record, http_json.require_positions(held))
        ),
        problems,
    )
    balance = http_json.find_amount(account, "equity", problems)
    cash = http_json.find_amount(account, "cash", problems)
    current: Reading | None = None
    if balance is not None:
        value = sum_market_values(positions, currency)
        current = Reading(now, balance, holdings_value=value, cash_value=cash)
    elif not problems:
        problems.append(parsing.missing_balance(field="equity").to_row_error())
    return AccountReport(identity, current, history, positions, tuple(problems), flows)


def _parse_history(answer: HttpAnswer, now: datetime, problems: list[RowError]) -> list[Reading]:
    """Return the equity at the end of each day before today in New York.

    A failing service is an error, so that the next sync requests the history again; an account
    without such a history has a problem, and a balance all the same.
    """
    is_refused = _CLIENT_ERROR <= answer.status < _SERVER_ERROR and answer.status != _TOO_MANY
    content = {} if is_refused else http_json.as_record(_parse_success(answer, now))
    stamps, equity = content.get("timestamp"), content.get("equity")
    if not isinstance(stamps, list) or not isinstance(equity, list) or len(stamps) != len(equity):
        detail = "The history is missing, or its days and values do not belong together."
        problems.append(RowError(None, "invalid_history", detail))
        return []
    values: list[tuple[date, Decimal]] = []
    is_funded = False
    # The bar of a day that has not ended changes still.
    today = now.astimezone(_NEW_YORK).date()
    for stamp, value in zip(stamps, equity, strict=True):
        if value is None:
            continue
        try:
            amount = parse_amount(value if isinstance(value, str) else "")
            is_stamp = isinstance(stamp, str) and _STAMP.fullmatch(stamp) is not None
            seconds = int(stamp if is_stamp else "")
            seconds = seconds // 1000 if seconds >= _MILLISECONDS else seconds
            day = (datetime.fromtimestamp(seconds, UTC) - _INTO_THE_DAY).date()
        except (InvalidAmount, ValueError, OverflowError):
            problem = RowError(None, "invalid_history", "A day of the history cannot be used.")
            problems += [] if problem in problems else [problem]
            continue
        # The zeros before the first deposit are no balances.
        is_funded = is_funded or bool(amount)
        if is_funded and day < today:
            values.append((day, amount))
    days, _ = http_json.split_disputed_days(values)
    return [Reading.of_day(day, amount) for day, amount in days.items()]
