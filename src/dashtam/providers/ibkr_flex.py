"""Interactive Brokers' Flex Web Service: net asset value, one a day for up to a year.

The owner makes a query once; each sync requests its statement, and fetches it when it is ready.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from dashtam.application.provider import (
    BASE_URL,
    AccountReport,
    CredentialField,
    Credentials,
    CredentialsRefused,
    Http,
    Pace,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
    Renew,
    Report,
    base_url_field,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import (
    Flow,
    FlowKind,
    Position,
    Reading,
    RowError,
    sum_market_values,
)
from dashtam.providers import http_json
from dashtam.providers.key_provider import KeyProvider

SERVICE: Final = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"

_NAME: Final = "Interactive Brokers (Flex)"
_VERSION: Final = ("v", "3")
_TOO_MANY: Final = "1018"
_NOT_READY: Final = frozenset({"1004", "1009", "1019"})
_REFUSED: Final = {
    "1011": "The Flex Web Service is switched off: switch it on in the account's settings.",
    "1012": "The Flex token has expired: make a new one in the account's settings.",
    "1013": "The Flex token is limited to other addresses than this server's.",
    "1014": "There is no such Flex query: copy the number of an Activity Flex query.",
    "1015": "Interactive Brokers does not accept this Flex token.",
    "1016": "The account of this Flex query does not exist any more.",
}
_PAUSES_S: Final = (2.0, 5.0, 10.0, 20.0)
# A query for a period in the past has no balance of today.
_STALE_AFTER: Final = timedelta(days=14)
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_VISIBLE: Final = 4
_ASSET_TYPES: Final = {"STK": "stock", "BOND": "bond", "OPT": "option", "FUND": "fund"}
_POSITION: Final = http_json.PositionFields(
    "symbol", "description", "position", "markPrice", "positionValue", "costBasisMoney"
)

_CASH_KINDS: Final = {
    "Dividends": FlowKind.DIVIDEND,
    "Payment In Lieu Of Dividends": FlowKind.DIVIDEND,
    "Broker Interest Paid": FlowKind.INTEREST,
    "Broker Interest Received": FlowKind.INTEREST,
    "Bond Interest Paid": FlowKind.INTEREST,
    "Bond Interest Received": FlowKind.INTEREST,
    "Broker Fees": FlowKind.FEE,
    "Advisor Fees": FlowKind.FEE,
    "Other Fees": FlowKind.FEE,
    "Commission Adjustments": FlowKind.FEE,
}
_PAYMENTS: Final = frozenset({"Deposits/Withdrawals", "Deposits & Withdrawals"})

_NO_VALUES = (
    "The Flex query holds no net asset value: add the section Net Asset Value (NAV) in Base to it,"
    " and Account Information."
)


class IbkrFlex(KeyProvider):
    """The accounts of one Flex query."""

    slug = "ibkr_flex"
    name = _NAME
    help_url = "https://www.interactivebrokers.com/campus/ibkr-api-page/flex-web-service/"
    credentials: Sequence[CredentialField] = (
        CredentialField("token", "Flex Web Service token"),
        CredentialField("query_id", "Flex query id", is_secret=False),
        base_url_field(SERVICE),
    )
    pace = Pace(every=timedelta(days=1), daily_budget=100)

    def __init__(self, service: str = SERVICE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._service = service
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
        """Return all net asset values of the query's period, the newest as the balance."""
        del backfill, renew
        token, service = stored["token"], stored.get(BASE_URL, self._service)

        def get(method: str, code: str) -> Element:
            return _get(http, f"{service}/{method}", token, code, now)

        request = get("SendRequest", stored["query_id"])
        code = request.findtext("ReferenceCode", "").strip()
        if request.findtext("Status", "").strip() != "Success" or not code:
            raise _build_error(request, token)
        document = get("GetStatement", code)
        pauses = iter(_PAUSES_S)
        while document.tag != "FlexQueryResponse":
            is_ready = document.findtext("ErrorCode", "").strip() not in _NOT_READY
            pause_s = None if is_ready else next(pauses, None)
            if pause_s is None:
                raise _build_error(document, token)
            self._sleep(pause_s)
            document = get("GetStatement", code)
        reports = [
            report
            for statement in document.iter("FlexStatement")
            for report in _FlexStatement(statement, now).reports()
        ]
        return Report(reports, () if reports else (_NO_VALUES,))


def _get(http: Http, address: str, token: str, query: str, now: datetime) -> Element:
    # The answer names an address for the next request; the token goes to no other than ours.
    params = (("t", token), ("q", query), _VERSION)
    answer = http.request("GET", address, params=params)
    http_json.raise_for_status(answer, _NAME, now)
    try:
        document: Element = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise ProviderFailed(http_json.NOT_UNDERSTOOD) from None
    if document.tag not in {"FlexQueryResponse", "FlexStatementResponse"}:
        raise ProviderFailed(http_json.NOT_UNDERSTOOD)
    return document


def _build_error(document: Element, token: str) -> ProviderError:
    code = document.findtext("ErrorCode", "").strip()
    if code in _REFUSED:
        return CredentialsRefused(_REFUSED[code])
    if code == _TOO_MANY:
        detail = "Interactive Brokers received too many requests, and asks for a pause."
        return ProviderRateLimited(detail)
    reason = http_json.redact(document.findtext("ErrorMessage", ""), (token,))
    reason = reason or "no reason was given"
    return ProviderFailed(f"Interactive Brokers made no statement: {reason}")


class _FlexStatement:
    """One ``FlexStatement`` element: the values and the positions of one account."""

    def __init__(self, element: Element, now: datetime) -> None:
        self._element = element
        self._now = now
        about = element.find("AccountInformation")
        attributes = {} if about is None else about.attrib
        self._about = {name: value.strip() for name, value in attributes.items()}

    def reports(self) -> Iterator[AccountReport]:
        """Yield an account for each currency of the net asset values."""
        problems: list[RowError] = []
        flows = self.flows(problems)
        for currency, values in self.net_asset_values(problems).items():
            days, disputed = http_json.split_disputed_days(values)
            if disputed:
                detail = "One day has two different net asset values, so neither was used."
                problems.append(RowError(None, "duplicate_day", detail))
            own_problems = list(problems)
            positions = self.positions(own_problems)
            current: Reading | None = None
            if not days:
                own_problems.append(parsing.missing_balance(field="total").to_row_error())
            elif self._now - Moment.of_day(max(days)).at > _STALE_AFTER:
                detail = (
                    "The Flex query's period ends in the past: let it end with the last business"
                    " day."
                )
                own_problems.append(RowError(None, "stale_balance", detail))
            else:
                day = max(days)
                value = sum_market_values(positions, currency)
                total = days.pop(day)
                current = replace(Reading.of_day(day, total), holdings_value=value)
            history = [Reading.of_day(day, days[day]) for day in days]
            identity = self.identity(currency)
            reported = () if current is None else flows
            if current is not None:
                # Each belongs to the account alone, not to its part in each currency.
                flows = ()
            yield AccountReport(
                identity, current, history, positions, tuple(own_problems), reported
            )

    def net_asset_values(
        self, problems: list[RowError]
    ) -> dict[Currency, list[tuple[date, Decimal]]]:
        """Return the days and values of each currency, that of the oldest day first."""
        base = self._about.get("currency", "")
        rows: list[tuple[date, Currency, Decimal]] = []
        for row in self._element.iter("EquitySummaryByReportDateInBase"):
            code = row.get("currency") or base
            if code == "BASE_SUMMARY":
                continue
            try:
                day = self.parse_day(row.get("reportDate", ""))
                # The parts beside it leave out assets of some accounts: only the total is whole.
                total = http_json.parse_amount_field(row.attrib, "total")
                currency = parsing.parse_currency_field("currency", code)
            except UnusableField as error:
                problems.append(error.to_row_error())
                continue
            if total is None:
                problems.append(parsing.missing_balance(field="total").to_row_error())
            else:
                rows.append((day, currency, total))
        values: dict[Currency, list[tuple[date, Decimal]]] = {}
        for day, currency, total in sorted(rows, key=itemgetter(0)):
            values.setdefault(currency, []).append((day, total))
        if not values and parsing.find_currency(base) != NO_CURRENCY:
            values[parsing.find_currency(base)] = []
        return values

    def flows(self, problems: list[RowError]) -> Sequence[Flow]:
        """Return the payments, the income and the transfers of the query's period."""
        found: list[Flow] = []
        rows = [*self._element.iter("CashTransaction"), *self._element.iter("Transfer")]
        for row in rows:
            # The sums stand beside their parts, and have no id.
            if row.get("levelOfDetail", "DETAIL") not in {"DETAIL", "TRANSFER"}:
                continue
            try:
                flow = self._parse_flow(row)
            except UnusableField as error:
                problems.append(error.to_row_error())
                continue
            if flow is not None:
                found.append(flow)
        return found

    def _parse_flow(self, row: Element) -> Flow | None:
        """Return the flow; None where the row moves no amount."""
        booked = row.get("reportDate", "") or row.get("dateTime", "")
        day = self.parse_day(re.split("[;, T]", booked.strip())[0])
        currency = parsing.parse_currency_field("currency", row.get("currency", ""))
        kind = FlowKind.OTHER
        external_id = row.get("transactionID", "").strip() or None
        if row.tag == "CashTransaction":
            amount = http_json.parse_amount_field(row.attrib, "amount")
            code = row.get("type", "")
            kind = _CASH_KINDS.get(code, FlowKind.OTHER)
            if amount and code in _PAYMENTS:
                kind = FlowKind.of_payment(amount)
        else:
            amount = http_json.parse_amount_field(row.attrib, "positionAmount")
            amount = amount or http_json.parse_amount_field(row.attrib, "cashTransfer")
            if amount:
                amount = -abs(amount) if row.get("direction") == "OUT" else abs(amount)
                kind = FlowKind.of_transfer(amount)
        return Flow(day, amount, currency, kind, external_id) if amount else None

    def positions(self, problems: list[RowError]) -> tuple[Position, ...] | None:
        """Return the positions; None where there is no list of them, or one cannot be used."""
        listed = self._element.find("OpenPositions")
        if listed is None:
            return None
        rows = [row for row in listed.iter("OpenPosition") if row.get("levelOfDetail") != "LOT"]
        return http_json.collect_positions(
            (
                http_json.build_position(
                    row.attrib,
                    _POSITION,
                    _ASSET_TYPES.get(row.get("assetCategory", ""), "other"),
                    parsing.parse_currency_field("currency", row.get("currency", "")),
                    Moment.of_day(self.parse_day(day)).at
                    if (day := row.get("reportDate"))
                    else self._now,
                )
                for row in rows[: http_json.MAX_POSITIONS]
            ),
            problems,
        )

    def identity(self, currency: Currency) -> Identity:
        """Return the identity of the account's part in this currency."""
        number = self._element.get("accountId", "").strip() or self._about.get("accountId", "")
        if not http_json.is_identifier(number):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        masked = f"••••{parsing.clean(number)[-_VISIBLE:]}"
        alias = self._element.get("acctAlias") or self._about.get("acctAlias", "")
        kind = guess_account_type(self._about.get("accountType", ""), has_positions=True)
        return Identity(
            institution_key="ibkr",
            institution="Interactive Brokers",
            external_id=number,
            name=http_json.redact(alias) or f"Interactive Brokers {masked}",
            account_type=kind or AccountType.BROKERAGE,
            number_masked=masked,
            currency=currency,
        )

    def parse_day(self, text: str) -> date:
        """Return the day, or raise UnusableField."""
        match = _DAY.fullmatch(text.strip())
        try:
            day = date(*map(int, match.groups())) if match else None
        except ValueError:
            day = None
        if day is None:
            raise parsing.invalid_date(field="reportDate")
        parsing.require_past("reportDate", Moment.of_day(day), self._now)
        return day
