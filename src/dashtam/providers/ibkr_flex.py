"""Interactive Brokers' Flex Web Service: net asset value, one a day for up to a year.

A query that its owner made once is asked for, then fetched as soon as it is ready.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    CredentialsRefused,
    Http,
    HttpAnswer,
    Pace,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.money import Currency
from dashtam.domain.parsing import Unusable
from dashtam.domain.statement import Identity, Position, Reading, RowError
from dashtam.providers import http_json

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
    "1015": "Interactive Brokers does not know this Flex token.",
    "1016": "The account of this Flex query does not exist any more.",
}
_PAUSES_S: Final = (2.0, 5.0, 10.0, 20.0)
# A query for a period in the past tells nothing of today.
_STALE_AFTER: Final = timedelta(days=14)
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_VISIBLE: Final = 4
_KINDS: Final = {"STK": "stock", "BOND": "bond", "OPT": "option", "FUND": "fund"}

_NO_VALUES = (
    "The Flex query tells no net asset value: add the section Net Asset Value (NAV) in Base to it,"
    " and Account Information."
)

_Row = tuple[date, Currency, Decimal]


class IbkrFlex:
    """The accounts of one Flex query."""

    slug = "ibkr_flex"
    name = _NAME
    credentials: Sequence[CredentialField] = (
        CredentialField("token", "Flex Web Service token"),
        CredentialField("query_id", "Flex query id", is_secret=False),
    )
    pace = Pace(every=timedelta(days=1), daily_budget=100)

    def __init__(self, service: str = SERVICE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._service = service
        self._sleep = sleep

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
        """Return the newest net asset values and, with ``backfill``, all of the query's period."""
        token = kept["token"]
        asked = self._get(http, "SendRequest", token, kept["query_id"], now)
        code = asked.findtext("ReferenceCode", "").strip()
        if asked.findtext("Status", "").strip() != "Success" or not code:
            raise _failure(asked, token)
        reports: list[AccountReport] = []
        for statement in self._ready(http, token, code, now).iter("FlexStatement"):
            reports += _accounts(statement, now, backfill=backfill)
        return Report(http_json.distinct(reports), () if reports else (_NO_VALUES,))

    def _ready(self, http: Http, token: str, code: str, now: datetime) -> Element:
        for pause_s in (*_PAUSES_S, None):
            document = self._get(http, "GetStatement", token, code, now)
            if document.tag == "FlexQueryResponse":
                return document
            is_waiting = document.findtext("ErrorCode", "").strip() in _NOT_READY
            if pause_s is None or not is_waiting:
                raise _failure(document, token)
            self._sleep(pause_s)
        raise AssertionError

    def _get(self, http: Http, what: str, token: str, query: str, now: datetime) -> Element:
        # The answer names an address to go on with; the token goes to no other than ours.
        params = (("t", token), ("q", query), _VERSION)
        answer = http.request("GET", f"{self._service}/{what}", params=params)
        http_json.raise_for_status(answer, _NAME, now)
        return _document(answer)


def _document(answer: HttpAnswer) -> Element:
    try:
        document: Element = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        http_json.not_understood()
    if document.tag not in {"FlexQueryResponse", "FlexStatementResponse"}:
        http_json.not_understood()
    return document


def _failure(document: Element, token: str) -> Exception:
    code = document.findtext("ErrorCode", "").strip()
    if code in _REFUSED:
        return CredentialsRefused(_REFUSED[code])
    if code == _TOO_MANY:
        return ProviderRateLimited("Interactive Brokers wants to be asked later.")
    said = http_json.harmless(document.findtext("ErrorMessage", ""), (token,))
    return ProviderFailed(f"Interactive Brokers made no statement: {said or 'no reason was told'}")


def _accounts(statement: Element, now: datetime, *, backfill: bool) -> Iterator[AccountReport]:
    """Yield an account for each currency that the statement's net asset values have."""
    problems: list[RowError] = []
    rows = sorted(_rows(statement, now, problems), key=lambda row: row[0])
    currencies = list(dict.fromkeys(row[1] for row in rows))
    if not currencies:
        with suppress(Unusable):
            base = _attribute(statement.find("AccountInformation"), "currency")
            currencies.append(parsing.currency("currency", base))
    for currency in currencies:
        days = _undisputed([row for row in rows if row[1] == currency], problems)
        yield _account(statement, currency, days, problems, (now, backfill))


def _account(
    statement: Element,
    currency: Currency,
    days: Mapping[date, Decimal],
    problems: list[RowError],
    asked: tuple[datetime, bool],
) -> AccountReport:
    now, backfill = asked
    told = list(problems)
    positions = _positions(statement, now, told)
    identity = _identity(statement, currency)
    current: Reading | None = None
    if not days:
        told.append(parsing.missing_balance(field="total").problem())
    elif now - parsing.noon(max(days)) > _STALE_AFTER:
        detail = "The Flex query's period ends in the past: let it end with the last business day."
        told.append(RowError(None, "stale_balance", detail))
    else:
        newest = max(days)
        value = http_json.value_of(positions, currency)
        current = Reading(now, days[newest], holdings_value=value, as_of=parsing.noon(newest))
    history = [Reading(parsing.noon(day), total) for day, total in days.items() if backfill]
    return AccountReport(identity, current, history, positions, tuple(told))


def _rows(statement: Element, now: datetime, problems: list[RowError]) -> Iterator[_Row]:
    base = _attribute(statement.find("AccountInformation"), "currency")
    for row in statement.iter("EquitySummaryByReportDateInBase"):
        code = row.get("currency") or base
        if code == "BASE_SUMMARY":
            continue
        try:
            day = _day(row.get("reportDate", ""), now)
            # The parts beside it leave out what some accounts have: only the total is whole.
            total = http_json.optional_amount("total", row.attrib, "total")
            if total is None:
                raise parsing.missing_balance(field="total")
            yield day, parsing.currency("currency", code), total
        except Unusable as unusable:
            problems.append(unusable.problem())


def _undisputed(rows: Sequence[_Row], problems: list[RowError]) -> dict[date, Decimal]:
    days: dict[date, Decimal] = {}
    disputed: set[date] = set()
    for day, _, total in rows:
        if days.setdefault(day, total) != total:
            disputed.add(day)
    if disputed:
        detail = "Two net asset values are told for one day, so neither was used."
        problems.append(RowError(None, "duplicate_day", detail))
    return {day: total for day, total in days.items() if day not in disputed}


def _identity(statement: Element, currency: Currency) -> Identity:
    about = statement.find("AccountInformation")
    number = statement.get("accountId", "").strip() or _attribute(about, "accountId")
    if not http_json.is_identifier(number):
        http_json.not_understood()
    masked = f"••••{parsing.clean(number)[-_VISIBLE:]}"
    alias = statement.get("acctAlias", "") or _attribute(about, "acctAlias")
    kind = guess_account_type(_attribute(about, "accountType"), has_positions=True)
    return Identity(
        institution_key="ibkr",
        institution="Interactive Brokers",
        external_id=number,
        name=http_json.named(alias, f"Interactive Brokers {masked}"),
        account_type=kind or AccountType.BROKERAGE,
        number_masked=masked,
        currency=currency,
    )


def _positions(
    statement: Element, now: datetime, problems: list[RowError]
) -> tuple[Position, ...] | None:
    listed = statement.find("OpenPositions")
    if listed is None:
        return None
    rows = [row for row in listed.iter("OpenPosition") if row.get("levelOfDetail") != "LOT"]
    try:
        return tuple(_position(row, now) for row in rows[: http_json.MAX_POSITIONS])
    except Unusable as unusable:
        # A part of the positions would look like all of them.
        problems.append(unusable.problem())
        return None


def _position(row: Element, now: datetime) -> Position:
    quantity = http_json.optional_amount("position", row.attrib, "position")
    if quantity is None:
        raise Unusable(code="invalid_amount", detail="position is missing.")
    symbol = http_json.harmless(row.get("symbol", ""))
    name = http_json.harmless(row.get("description", ""))
    reported = row.get("reportDate", "")
    return Position(
        symbol=symbol or name or "unknown",
        name=name or symbol or "Unknown",
        asset_type=_KINDS.get(row.get("assetCategory", ""), "other"),
        quantity=quantity,
        price=http_json.optional_amount("markPrice", row.attrib, "markPrice"),
        market_value=http_json.optional_amount("positionValue", row.attrib, "positionValue"),
        cost_basis=http_json.optional_amount("costBasisMoney", row.attrib, "costBasisMoney"),
        currency=parsing.currency("currency", row.get("currency", "")),
        as_of=parsing.noon(_day(reported, now)) if reported else now,
    )


def _day(text: str, now: datetime) -> date:
    match = _DAY.fullmatch(text.strip())
    try:
        if match is None:
            raise parsing.invalid_date(field="reportDate")
        day = date(*map(int, match.groups()))
    except ValueError:
        raise parsing.invalid_date(field="reportDate") from None
    parsing.check_instant("reportDate", parsing.noon(day), now)
    return day


def _attribute(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "").strip()
