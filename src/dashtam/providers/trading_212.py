"""Trading 212: the value, the cash and the positions of an Invest or Stocks ISA account.

The fields are those of its Public API (v0): ``AccountSummary`` of ``/equity/account/summary`` and
``Position`` of ``/equity/positions``. All values are in the account's primary currency, only a
price is in the currency of its instrument. The API has no balances of earlier days.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
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
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import EXACT, Currency
from dashtam.domain.parsing import UnusableField
from dashtam.domain.statement import Position, Reading, RowError
from dashtam.domain.sync import AccountCode
from dashtam.providers import http_json
from dashtam.providers.http_json import PositionFields, Record, as_record, get_text
from dashtam.providers.key_provider import KeyProvider

SERVICE: Final = "https://live.trading212.com"

_NAME: Final = "Trading 212"
_CASH: Final = ("availableToTrade", "reservedForOrders", "inPies")
_POSITION: Final = PositionFields(
    "ticker", "name", "quantity", "currentPrice", "currentValue", "totalCost"
)
_FORBIDDEN, _TOO_MANY = 403, 429
# The longest limit is one request in five seconds, also of other programs with the same account.
_LONGEST_PAUSE: Final = timedelta(seconds=10)
_PAUSES: Final = 2

_NOT_ALLOWED = (
    "This API key has no permission to read {}: make a new key with it in the settings of"
    " Trading 212."
)


class Trading212(KeyProvider):
    """One account; ``sleep`` waits for the end of a limit."""

    slug = "trading_212"
    name = _NAME
    help_url = "https://docs.trading212.com/api"
    credentials: Sequence[CredentialField] = (
        CredentialField("api_key", "API key"),
        CredentialField("api_secret", "API secret"),
        base_url_field(SERVICE),
    )
    pace = Pace(every=timedelta(days=1), daily_budget=200)

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the account; there is no history to fill back."""
        del backfill, renew

        def get(path: str, permission: str) -> object:
            url = f"{stored.get(BASE_URL, SERVICE)}/api/v0/equity/{path}"
            auth = (stored["api_key"], stored["api_secret"])
            answer = http.request("GET", url, auth=auth)
            waited = timedelta()
            for _ in range(_PAUSES):
                pause = _parse_reset(answer, now + waited)
                if answer.status != _TOO_MANY or pause is None or pause > _LONGEST_PAUSE:
                    break
                self._sleep(pause.total_seconds())
                waited += pause
                answer = http.request("GET", url, auth=auth)
            if answer.status == _FORBIDDEN:
                raise CredentialsRefused(_NOT_ALLOWED.format(permission))
            pause = _parse_reset(answer, now + waited)
            return http_json.parse_success(answer, _NAME, now, pause, has_exponents=True)

        summary = as_record(get("account/summary", "account data"))
        held: Sequence[object] | None = None
        problems: list[RowError] = []
        try:
            held = http_json.require_positions(get("positions", "the portfolio"))
        except ProviderError as error:
            problems.append(RowError(None, AccountCode.NO_HOLDINGS, f"Holdings: {error}"))
        return Report([_parse_account(summary, held, problems, now)])


def _parse_reset(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """Return the time until the limit is reset, None where no header tells it."""
    text = answer.headers.get("x-ratelimit-reset", "").strip()
    if not re.fullmatch(r"[0-9]{1,11}", text):
        return http_json.parse_retry_after(answer, now)
    wait = datetime.fromtimestamp(int(text), UTC) - now
    # A limit that is reset within this second may hold until its end.
    return min(max(wait, timedelta(seconds=1)), http_json.LONGEST_WAIT)


def _parse_account(
    summary: Record, held: Sequence[object] | None, problems: list[RowError], now: datetime
) -> AccountReport:
    external_id = get_text(summary, "id")
    try:
        parsing.require_account("id", external_id if http_json.is_identifier(external_id) else "")
        currency = parsing.parse_currency_field("currency", get_text(summary, "currency"))
    except UnusableField as error:
        raise ProviderFailed(str(error)) from None
    masked = http_json.mask_number(external_id)
    identity = Identity(
        institution_key="trading_212",
        institution=_NAME,
        external_id=external_id,
        name=f"{_NAME} {masked}" if masked else _NAME,
        account_type=AccountType.BROKERAGE,
        number_masked=masked,
        currency=currency,
        balance_sign=1,
    )
    positions: Sequence[Position] | None = None
    if held is not None:
        positions = http_json.collect_positions(
            (_parse_position(as_record(position), currency, now) for position in held), problems
        )
    unusable: list[RowError] = []
    balance = http_json.find_amount(summary, "totalValue", unusable)
    invested = http_json.find_amount(
        as_record(summary.get("investments")), "currentValue", unusable
    )
    cash = _sum_cash(as_record(summary.get("cash")), unusable)
    current: Reading | None = None
    if balance is not None:
        current = Reading(now, balance, holdings_value=invested, cash_value=cash)
    elif not unusable:
        unusable.append(parsing.missing_balance(field="totalValue").to_row_error())
    return AccountReport(identity, current, (), positions, (*unusable, *problems))


def _sum_cash(cash: Record, problems: list[RowError]) -> Decimal | None:
    """Return the free and the reserved cash, None where a part is missing."""
    total = Decimal(0)
    for name in _CASH:
        part = http_json.find_amount(cash, name, problems)
        if part is None:
            return None
        total = EXACT.add(total, part)
    return total


def _parse_position(source: Record, currency: Currency, now: datetime) -> Position:
    """Return the position in the account's currency.

    Raises:
        UnusableField: there is no quantity, an unusable amount, or a value in another currency.
    """
    instrument, impact = as_record(source.get("instrument")), as_record(source.get("walletImpact"))
    told = parsing.parse_currency_field(
        "walletImpact.currency", get_text(impact, "currency"), currency
    )
    # The price is in the instrument's currency, which may be one hundredth of a pound (GBX).
    is_priced = get_text(instrument, "currency") == told.code
    fields = {
        "ticker": instrument.get("ticker"),
        "name": instrument.get("name"),
        "quantity": source.get("quantity"),
        "currentPrice": source.get("currentPrice") if is_priced else None,
        "currentValue": impact.get("currentValue"),
        "totalCost": impact.get("totalCost"),
    }
    return http_json.build_position(fields, _POSITION, "other", told, now)
