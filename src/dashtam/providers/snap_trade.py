"""SnapTrade: brokers of North America and elsewhere, by the owner's Personal API key.

The fields and the signature are those of its OpenAPI description (schemas ``Account``, ``Balance``,
``AllAccountPositionsResponse`` and ``BrokerageAuthorization``) and of its guide on request
signatures; the paths are those without the deprecated prefix. A key of its commercial plan also
needs the id and the secret of one of its users.

Its lists are of the last daily sync. Each account of a connection in the mode ``realtime`` is asked
for again, so that the value, the cash and the positions are of one time.
"""

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, Inexact
from functools import partial
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

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
    ProviderRateLimited,
    Renew,
    Report,
    base_url_field,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import EXACT, Currency, parse_amount, to_digits
from dashtam.domain.parsing import UnusableField
from dashtam.domain.statement import Position, Reading, RowError, sum_market_values
from dashtam.domain.sync import AccountCode, OutageCode
from dashtam.providers import http_json
from dashtam.providers.account_reports import fetch_each, find_debt_sign
from dashtam.providers.http_json import PositionFields, Record, as_record, get_text, redact
from dashtam.providers.key_provider import KeyProvider

SERVICE: Final = "https://api.snaptrade.com"

_NAME: Final = "SnapTrade"
_USER: Final = (("userId", "user_id"), ("userSecret", "user_secret"))
_POSITION: Final = PositionFields("symbol", "description", "units", "price", "value", "cost")
_ASSET_TYPES: Final = {
    "adr": "stock",
    "cef": "fund",
    "crypto": "crypto",
    "etf": "etf",
    "mutualfund": "fund",
    "option": "option",
    "stock": "stock",
}
# Of these a unit costs its price; a contract costs a multiple of it.
_PRICED_BY_UNIT: Final = frozenset({"adr", "cef", "crypto", "etf", "mutualfund", "stock"})
_CATEGORIES: Final = {"DEPOSIT": AccountType.CHECKING, "LOC": AccountType.LINE_OF_CREDIT}
_RESETS: Final = ("x-ratelimit-account-reset", "x-ratelimit-reset")
_NOT_FOUND: Final = 404
_OLD_PREFIX: Final = "/api/v1"

_SIGN_IN = (
    "SnapTrade has no access to {} any more: fix the connection at dashboard.snaptrade.com. Until"
    " then its balance is not recorded."
)
_NOT_YET_READ = "SnapTrade has not read {} yet: its balance is recorded once it has."
_UNREAD = (
    "SnapTrade cannot read {} at present, and its balance is not recorded meanwhile. If this lasts"
    " longer than a day, look at the connection at dashboard.snaptrade.com."
)
_TWICE = (
    "The account is connected twice at SnapTrade, and counts once: delete one of the connections at"
    " dashboard.snaptrade.com."
)
_HALF_A_USER = "The user's id and the user's secret belong together: enter both or none."


class SnapTrade(KeyProvider):
    """The accounts that the owner connected to brokers in the dashboard of SnapTrade."""

    slug = "snap_trade"
    name = _NAME
    help_url = "https://docs.snaptrade.com/docs/personal-api-key"
    credentials: Sequence[CredentialField] = (
        CredentialField("client_id", "Client id", is_secret=False),
        CredentialField("consumer_key", "Consumer key"),
        CredentialField(
            "user_id", "User id, for a commercial key", is_secret=False, is_optional=True
        ),
        CredentialField("user_secret", "User secret, for a commercial key", is_optional=True),
        base_url_field(SERVICE),
    )
    # At most three requests for an account, of the ten in a minute that it has.
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
        """Return the accounts; there is no history to fill back."""
        del backfill, renew
        if bool(stored.get("user_id")) is not bool(stored.get("user_secret")):
            raise CredentialsRefused(_HALF_A_USER)
        api = _Api(stored, http, now)
        try:
            accounts = api.request("accounts")
        except _NotFound:
            # Its guide on signatures has the paths with the prefix still.
            api = replace(api, prefix=_OLD_PREFIX)
            accounts = api.request("accounts")
        if not isinstance(accounts, list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        connections: Mapping[str, Record] = {}
        try:
            listed = http_json.as_records(api.request("authorizations"))
            connections = {get_text(one, "id"): one for one in listed}
        except ProviderRateLimited:
            raise
        except ProviderError:
            # The accounts are of the last daily sync then, and tell its time.
            pass
        # An account that is connected twice is read where it is connected still.
        sources = sorted(
            http_json.as_records(accounts),
            key=lambda source: _is_disabled(_find_connection(source, connections)),
        )
        known: set[tuple[str, str]] = set()
        return fetch_each(
            (
                redact(get_text(source, "name")) or "An account without a name",
                partial(_fetch_account, api, source, _find_connection(source, connections), known),
            )
            for source in sources
        )


@dataclass(frozen=True, slots=True)
class _Api:
    """The signed requests of one fetch."""

    stored: Credentials
    http: Http
    now: datetime
    prefix: str = ""

    def request(self, path: str) -> object:
        """Return the answer's content.

        Raises:
            ProviderError: there is none.
        """
        user = [(name, self.stored[field]) for name, field in _USER if self.stored.get(field)]
        client = [
            ("clientId", self.stored["client_id"]),
            ("timestamp", str(int(self.now.timestamp()))),
        ]
        query = urlencode(client + user, quote_via=quote, safe="")
        address = f"{self.stored.get(BASE_URL, SERVICE)}{self.prefix}/{path}"
        content = {"content": None, "path": urlsplit(address).path, "query": query}
        signed = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
        digest = hmac.digest(self.stored["consumer_key"].encode(), signed, sha256)
        answer = self.http.request(
            "GET",
            f"{address}?{query}",
            headers={"Signature": b64encode(digest).decode()},
        )
        if answer.status == _NOT_FOUND:
            raise _NotFound(detail=f"{_NAME} has nothing at this address.")
        pause = _parse_reset(answer, self.now)
        return http_json.parse_success(answer, _NAME, self.now, pause, has_exponents=True)

    def request_of_account(self, path: str) -> object:
        """Return the answer's content; a refusal of one account is a failure.

        Raises:
            ProviderError: there is none.
        """
        try:
            return self.request(path)
        except CredentialsRefused as error:
            raise ProviderFailed(str(error)) from None


class _NotFound(ProviderFailed):
    """There is nothing at the address."""


def _parse_reset(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """Return the longest of the two limits' rests, which are in seconds."""
    rests = [answer.headers.get(name, "").strip() for name in _RESETS]
    seconds = [int(rest) for rest in rests if re.fullmatch(r"[0-9]{1,6}", rest)]
    if not seconds:
        return http_json.parse_retry_after(answer, now)
    return min(timedelta(seconds=max(seconds)), http_json.LONGEST_WAIT)


def _find_connection(source: Record, connections: Mapping[str, Record]) -> Record:
    return connections.get(get_text(source, "brokerage_authorization"), {})


def _is_disabled(connection: Record) -> bool:
    return connection.get("disabled") is True


def _fetch_account(
    api: _Api, source: Record, connection: Record, known: set[tuple[str, str]]
) -> AccountReport:
    """Return the account; ``known`` are the institutions and ids of those before it.

    Raises:
        UnusableField: it has no id or no currency, or is one of those before it.
        ProviderError: it cannot be read.
    """
    uid = get_text(source, "id")
    parsing.require_account("id", uid if uid.isascii() and uid.replace("-", "").isalnum() else "")
    source, as_of = _fetch_newest(api, uid, source, connection)
    balance, unusable = _parse_balance(source)
    identity = _parse_identity(source, uid, balance)
    key = (identity.institution_key, identity.external_id)
    if key in known:
        raise UnusableField(code="duplicate_account", detail=_TWICE)
    known.add(key)
    outage = _find_outage(source, connection, f"{identity.name} ({identity.institution})")
    outage = outage or http_json.find_staleness(_NAME, as_of, api.now)
    problems: list[RowError] = []
    positions: tuple[Position, ...] | None = None
    cash: Decimal | None = None
    is_told = _get_holdings_status(source).get("holdings_unavailable") is not True
    if outage is None and is_told:
        positions = _fetch_positions(api, uid, identity.currency, problems)
        cash = _fetch_cash(api, uid, identity.currency, problems)
    current: Reading | None = None
    if balance is not None:
        value = sum_market_values(positions, identity.currency)
        current = Reading(api.now, balance, holdings_value=value, cash_value=cash, as_of=as_of)
    return AccountReport(
        identity,
        current,
        positions=positions,
        problems=(*unusable, *problems),
        outage=outage,
        predecessor=None if identity.external_id == uid else uid,
    )


def _fetch_newest(
    api: _Api, uid: str, source: Record, connection: Record
) -> tuple[Record, datetime | None]:
    """Return the account and the time at which SnapTrade read it, None where that is now."""
    is_live = get_text(connection, "data_freshness_mode") == "realtime"
    if is_live and not _is_disabled(connection):
        try:
            return {**source, **as_record(api.request_of_account(f"accounts/{uid}"))}, None
        except ProviderRateLimited:
            raise
        except ProviderError:
            # The list has it as it was at the last daily sync.
            pass
    synced = get_text(_get_holdings_status(source), "last_successful_sync")
    return source, http_json.parse_past_instant(synced, api.now)


def _parse_balance(source: Record) -> tuple[Decimal | None, list[RowError]]:
    """Return the total, None with a problem where there is none."""
    problems: list[RowError] = []
    total = as_record(as_record(source.get("balance")).get("total"))
    balance = http_json.find_amount(total, "amount", problems)
    if balance is None and not problems:
        problems.append(parsing.missing_balance(field="balance.total").to_row_error())
    return balance, problems


def _parse_identity(source: Record, uid: str, balance: Decimal | None) -> Identity:
    """Return the account's identity.

    Raises:
        UnusableField: it has no currency.
    """
    institution = redact(get_text(source, "institution_name")) or _NAME
    name = redact(get_text(source, "name")) or f"{institution} account"
    raw_type = get_text(source, "raw_type").replace("_", " ")
    account_type = (
        guess_account_type(raw_type, has_positions=False)
        or guess_account_type(name, has_positions=False)
        or _CATEGORIES.get(get_text(source, "account_category"), AccountType.BROKERAGE)
    )
    # SnapTrade's own id changes when a connection is made anew, that of the institution does not.
    stable = get_text(source, "institution_account_id")
    total = as_record(as_record(source.get("balance")).get("total"))
    return Identity(
        institution_key=institution.casefold(),
        institution=institution,
        external_id=stable if http_json.is_identifier(stable) else uid,
        name=f"{name} (paper)" if source.get("is_paper") is True else name,
        account_type=account_type,
        number_masked=http_json.mask_number(get_text(source, "number")),
        currency=parsing.parse_currency_field(
            "balance.total.currency", get_text(total, "currency")
        ),
        balance_sign=find_debt_sign(account_type, balance),
    )


def _get_holdings_status(source: Record) -> Record:
    return as_record(as_record(source.get("sync_status")).get("holdings"))


def _find_outage(source: Record, connection: Record, account: str) -> RowError | None:
    """Return why the account's balance is none of now."""
    if _is_disabled(connection):
        return RowError(None, OutageCode.SIGN_IN_NEEDED, _SIGN_IN.format(account))
    if _get_holdings_status(source).get("initial_sync_completed") is False:
        return RowError(None, OutageCode.ACCOUNT_FAILED, _NOT_YET_READ.format(account))
    if get_text(source, "status") == "unavailable":
        return RowError(None, OutageCode.ACCOUNT_FAILED, _UNREAD.format(account))
    return None


def _fetch_positions(
    api: _Api, uid: str, currency: Currency, problems: list[RowError]
) -> tuple[Position, ...] | None:
    """Return the positions but those that are part of the cash; None where they are unusable."""
    try:
        content = as_record(api.request_of_account(f"accounts/{uid}/positions/all"))
        held = http_json.require_positions(content.get("results"))
    except ProviderError as error:
        problems.append(RowError(None, AccountCode.NO_HOLDINGS, f"Holdings: {error}"))
        return None
    told = get_text(as_record(content.get("data_freshness")), "as_of")
    as_of = http_json.parse_past_instant(told, api.now) or api.now
    records = map(as_record, held)
    return http_json.collect_positions(
        (
            _parse_position(record, currency, as_of)
            for record in records
            # A money market fund is told as cash too, and counts once.
            if record.get("cash_equivalent") is not True
        ),
        problems,
    )


def _parse_position(source: Record, currency: Currency, as_of: datetime) -> Position:
    """Return the position, with the value and the cost of all its units.

    Raises:
        UnusableField: there is no quantity, an unusable amount, or a currency that is none.
    """
    instrument = as_record(source.get("instrument"))
    kind = get_text(instrument, "kind")
    code = get_text(source, "currency") or get_text(instrument, "currency")
    units = http_json.parse_amount_field(source, "units")
    multiplier = Decimal(1) if kind in _PRICED_BY_UNIT else None
    if kind == "option":
        multiplier = http_json.parse_amount_field(instrument, "multiplier")
    fields = {
        "symbol": instrument.get("symbol"),
        "description": instrument.get("description"),
        "units": source.get("units"),
        "price": source.get("price"),
        "value": _multiply(units, http_json.parse_amount_field(source, "price"), multiplier),
        "cost": _multiply(units, http_json.parse_amount_field(source, "cost_basis"), multiplier),
    }
    told = parsing.parse_currency_field("positions.currency", code, currency)
    return http_json.build_position(fields, _POSITION, _ASSET_TYPES.get(kind, "other"), told, as_of)


def _multiply(*factors: Decimal | None) -> str | None:
    """Return the exact product in plain digits; None without one, or where it is too long."""
    product = Decimal(1)
    try:
        for factor in factors:
            if factor is None:
                return None
            product = EXACT.multiply(product, factor)
        return to_digits(parse_amount(format(product.normalize(EXACT), "f")))
    except (Inexact, InvalidAmount):
        return None


def _fetch_cash(
    api: _Api, uid: str, currency: Currency, problems: list[RowError]
) -> Decimal | None:
    """Return the cash in this currency; None where there is cash in another one too."""
    try:
        balances = api.request_of_account(f"accounts/{uid}/balances")
        if not isinstance(balances, list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
    except ProviderError as error:
        problems.append(RowError(None, AccountCode.NO_HOLDINGS, f"Cash: {error}"))
        return None
    found: dict[str, Decimal] = {}
    for balance in http_json.as_records(balances):
        cash = http_json.find_amount(balance, "cash", problems)
        if cash is not None:
            found[get_text(as_record(balance.get("currency")), "code")] = cash
    if any(cash for code, cash in found.items() if code != currency.code):
        return None
    return found.get(currency.code)
