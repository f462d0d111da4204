"""Lunch Flow: banks and brokers of many countries, by the aggregators that it connects.

The fields are those of its Personal API, as its reference and its client lunchflowpy 0.1 have them:
``/accounts`` has neither balances nor, often, currencies; ``/accounts/{id}/balance`` has both, and
``/accounts/{id}/holdings`` answers for brokers alone. No field tells the time of a balance.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from dashtam.application.provider import (
    BASE_URL,
    AccountReport,
    CredentialField,
    Credentials,
    CredentialsRefused,
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
from dashtam.domain.account import Identity
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position, Reading, RowError, sum_market_values
from dashtam.domain.sync import AccountCode, OutageCode
from dashtam.providers import http_json
from dashtam.providers.account_reports import fetch_each, find_debt_sign
from dashtam.providers.http_json import PositionFields, Record, as_record, get_text, redact
from dashtam.providers.key_provider import KeyProvider

# The same host without www. only redirects.
SERVICE: Final = "https://www.lunchflow.app"

_NAME: Final = "Lunch Flow"
_POSITION: Final = PositionFields("tickerSymbol", "name", "quantity", "price", "value", "costBasis")
_UNAUTHORIZED: Final = 401
# The answers about an account without holdings, as its aggregator has it.
_NO_HOLDINGS: Final = frozenset({400, 404, 405, 422, 501})

_SIGN_IN = (
    "Lunch Flow has no access to {} any more: connect it again there. Until then its balance is not"
    " recorded."
)
_UNREAD = (
    "Lunch Flow cannot read {} at present, and its balance is not recorded meanwhile. If this lasts"
    " longer than a day, look at the connection there."
)


class LunchFlow(KeyProvider):
    """The accounts behind one API destination."""

    slug = "lunch_flow"
    name = _NAME
    help_url = "https://www.lunchflow.app"
    credentials: Sequence[CredentialField] = (
        CredentialField("api_key", "API key"),
        base_url_field(SERVICE),
    )
    # Each account takes two requests, and its banks are read once a day.
    pace = Pace(every=timedelta(days=1), daily_budget=1000)

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the balances and holdings; there is no history to fill back."""
        del backfill, renew

        def get(path: str) -> HttpAnswer:
            url = f"{stored.get(BASE_URL, SERVICE)}/api/v1/{path}"
            return http.request("GET", url, headers={"x-api-key": stored["api_key"]})

        content = _parse_success(get("accounts"), now)
        if not isinstance(content.get("accounts"), list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return fetch_each(
            (name, partial(_fetch_account, get, source, name, now))
            for source in http_json.as_records(content["accounts"])
            for name in [redact(get_text(source, "name")) or "An account without a name"]
        )


def _parse_success(answer: HttpAnswer, now: datetime) -> Record:
    return as_record(http_json.parse_success(answer, _NAME, now, has_exponents=True))


def _fetch_account(
    get: Callable[[str], HttpAnswer], source: Record, name: str, now: datetime
) -> AccountReport:
    """Return the account.

    Raises:
        UnusableField: it has no id, or no currency.
        ProviderError: its balance cannot be read, and its currency is unknown.
    """
    external_id = get_text(source, "id")
    parsing.require_account("id", external_id if external_id.isalnum() else "")
    institution = redact(get_text(source, "institution_name")) or _NAME
    outage = _find_outage(get_text(source, "status"), f"{name} ({institution})")
    try:
        told = _fetch_balance(get(f"accounts/{external_id}/balance"), now)
    except ProviderFailed:
        if not get_text(source, "currency"):
            raise
        told = {}
        detail = _UNREAD.format(f"{name} ({institution})")
        outage = outage or RowError(None, OutageCode.ACCOUNT_FAILED, detail)
    code = get_text(told, "currency") or get_text(source, "currency")
    currency = parsing.parse_currency_field("currency", code)
    problems: list[RowError] = []
    positions: tuple[Position, ...] | None = None
    value: Decimal | None = None
    if outage is None:
        positions, value = _fetch_holdings(
            get(f"accounts/{external_id}/holdings"), currency, problems, now
        )
    current, unusable = _parse_balance(told, value, now)
    account_type = guess_account_type(name, has_positions=bool(positions))
    identity = Identity(
        institution_key="lunch_flow",
        institution=institution,
        external_id=external_id,
        name=name,
        account_type=account_type,
        currency=currency,
        # Lunch Flow passes on the signs of its aggregators.
        balance_sign=find_debt_sign(account_type, current.balance if current else None),
    )
    return AccountReport(
        identity, current, (), positions, problems=(*unusable, *problems), outage=outage
    )


def _parse_balance(
    told: Record, holdings_value: Decimal | None, now: datetime
) -> tuple[Reading | None, list[RowError]]:
    """Return the balance, None with a problem where there is none."""
    problems: list[RowError] = []
    # Its reference names the balance amount, an older contract of its current.
    field = "current" if told.get("amount") is None else "amount"
    balance = http_json.find_amount(told, field, problems)
    available = http_json.find_amount(told, "available", problems)
    if balance is not None:
        return Reading(now, balance, available, holdings_value=holdings_value), problems
    return None, problems or [parsing.missing_balance(field="balance").to_row_error()]


def _find_outage(status: str, account: str) -> RowError | None:
    """Return why the account's balance is none of now: any status but ``ACTIVE`` and none."""
    if status.upper() in {"", "ACTIVE"}:
        return None
    if status.upper() == "DISCONNECTED":
        return RowError(None, OutageCode.SIGN_IN_NEEDED, _SIGN_IN.format(account))
    return RowError(None, OutageCode.INSTITUTION_FAILED, _UNREAD.format(account))


def _fetch_balance(answer: HttpAnswer, now: datetime) -> Record:
    """Return the balance's fields.

    Raises:
        ProviderError: there is none; a key that reads the list is refused here as a failure.
    """
    try:
        content = _parse_success(answer, now)
    except CredentialsRefused as error:
        if answer.status == _UNAUTHORIZED:
            raise
        raise ProviderFailed(str(error)) from None
    return as_record(content.get("balance"))


def _fetch_holdings(
    answer: HttpAnswer, currency: Currency, problems: list[RowError], now: datetime
) -> tuple[tuple[Position, ...] | None, Decimal | None]:
    """Return the positions and their value in this currency, None where there are none told."""
    if answer.status in _NO_HOLDINGS:
        return None, None
    try:
        content = _parse_success(answer, now)
        held = http_json.require_positions(content.get("holdings"))
    except ProviderError as error:
        problems.append(RowError(None, AccountCode.NO_HOLDINGS, f"Holdings: {error}"))
        return None, None
    positions = http_json.collect_positions(
        (_parse_position(as_record(holding), currency, now) for holding in held), problems
    )
    if positions and get_text(content, "currency") == currency.code:
        value = http_json.find_amount(content, "totalValue", problems)
        if value is not None:
            return positions, value
    return positions, sum_market_values(positions, currency)


def _parse_position(holding: Record, currency: Currency, now: datetime) -> Position:
    """Return the position.

    Raises:
        UnusableField: there is no quantity, an unusable amount, or a currency that is none.
    """
    security = as_record(holding.get("security"))
    fields = {"tickerSymbol": security.get("tickerSymbol"), "name": security.get("name")} | {
        name: holding.get(name) for name in ("quantity", "price", "value", "costBasis")
    }
    code = get_text(holding, "currency") or get_text(security, "currency")
    told = parsing.parse_currency_field("holdings.currency", code, currency)
    return http_json.build_position(fields, _POSITION, "other", told, now)
