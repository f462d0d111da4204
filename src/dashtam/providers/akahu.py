"""Akahu: banks, KiwiSaver and investments of New Zealand, by the owner's personal app.

The fields are those of Akahu's reference, "The Account Model" and "The Transaction Model", and of
its JavaScript SDK 2.5: a negative balance is money that is owed, an account in the state
``INACTIVE`` has a cached balance alone, ``start`` of a list is exclusive and ``end`` inclusive.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

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
    Redirect,
    Renew,
    Report,
    ReturnTo,
    base_url_field,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.parsing import UnusableField
from dashtam.domain.statement import Reading, RowError
from dashtam.domain.sync import OutageCode
from dashtam.providers import http_json
from dashtam.providers.account_reports import find_attention
from dashtam.providers.closing_balances import BookedTransaction, find_closing_balances
from dashtam.providers.http_json import Record, as_record, as_records, get_text, redact
from dashtam.providers.key_provider import KeyProvider

SERVICE: Final = "https://api.akahu.io"

_NAME: Final = "Akahu"
_TYPES: Final = {
    "CHECKING": AccountType.CHECKING,
    "CREDITCARD": AccountType.CREDIT_CARD,
    "FOREIGN": AccountType.CHECKING,
    "INVESTMENT": AccountType.BROKERAGE,
    "KIWISAVER": AccountType.PENSION,
    "LOAN": AccountType.LOAN,
    "SAVINGS": AccountType.SAVINGS,
    "TERMDEPOSIT": AccountType.CD,
    "WALLET": AccountType.CASH,
}
_POINTS: Final = "REWARDS"
# A transaction's date is midnight of its bank, and all of Akahu's banks are there.
_ZONE: Final = ZoneInfo("Pacific/Auckland")
_RECENT: Final = timedelta(days=30)
_FIRST_DAY: Final = date(2000, 1, 1)
_MOST_PAGES: Final = 300
_FORBIDDEN: Final = 403

_SWAPPED = "The tokens are swapped: this one begins with app_token_, the other with user_token_."
_NO_PERMISSION = (
    "The personal app at Akahu has no permission for transactions, so the balances of earlier days"
    " are not read."
)
_TOO_MANY = "Akahu tells more transactions than can be read."
_SIGN_IN = (
    "Akahu has no access to {} any more: connect it again at my.akahu.nz. Until then its balance is"
    " not recorded."
)


class Akahu(KeyProvider):
    """The accounts that the owner allows a personal app to see."""

    slug = "akahu"
    name = _NAME
    help_url = "https://my.akahu.nz"
    credentials: Sequence[CredentialField] = (
        CredentialField("app_token", "App ID token"),
        CredentialField("user_token", "User access token"),
        base_url_field(SERVICE),
    )
    # Akahu reads a personal app's banks once a day.
    pace = Pace(every=timedelta(days=1), daily_budget=1000)

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Return the given tokens; nothing is requested."""
        begun = super().begin(given, return_to, http, now=now)
        if given["app_token"].strip().startswith("user_token_"):
            raise CredentialsRefused(_SWAPPED, field="app_token")
        return begun

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the balances, and those after the settled transactions of earlier days."""
        del renew
        headers = {
            "Authorization": f"Bearer {stored['user_token']}",
            "X-Akahu-Id": stored["app_token"],
        }

        def get(path: str, *params: tuple[str, str]) -> Record:
            url = f"{stored.get(BASE_URL, SERVICE)}/v1/{path}"
            answer = http.request("GET", url, params=params, headers=headers)
            if answer.status == _FORBIDDEN and path == "transactions":
                raise _NoPermission(_NO_PERMISSION)
            content = as_record(http_json.parse_success(answer, _NAME, now, has_exponents=True))
            if content.get("success") is not True or not isinstance(content.get("items"), list):
                raise ProviderFailed(http_json.NOT_UNDERSTOOD)
            return content

        sources = as_records(get("accounts")["items"])
        warnings: list[str] = []
        problems: list[RowError] = []
        transactions: Mapping[str, list[Record]] = {}
        try:
            transactions = _fetch_transactions(get, now, backfill=backfill)
        except _NoPermission as error:
            warnings += [str(error)] if backfill else []
        except ProviderError as error:
            if backfill:
                raise
            # The balances are there, and the next sync requests these again.
            problems.append(RowError(None, "no_transactions", f"Earlier balances: {error}"))
        return _parse_report(sources, transactions, warnings, problems, now)


class _NoPermission(ProviderFailed):
    """The app may not read transactions."""


def _fetch_transactions(
    get: Callable[..., Record], now: datetime, *, backfill: bool
) -> Mapping[str, list[Record]]:
    """Return the settled transactions of the last days, or all of them, by account."""
    today = now.astimezone(_ZONE).date()
    first = _FIRST_DAY if backfill else today - _RECENT
    # The start is exclusive, and a day is told whole or not at all.
    start = datetime.combine(first, time(), _ZONE) - timedelta(milliseconds=1)
    end = datetime.combine(today, time(), _ZONE) - timedelta(milliseconds=1)
    period = (("start", _format(start)), ("end", _format(end)))
    found: defaultdict[str, list[Record]] = defaultdict(list)
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = get("transactions", *period, *([("cursor", cursor)] if cursor else []))
        # A page may be empty, and others follow all the same.
        for transaction in as_records(page["items"]):
            found[get_text(transaction, "_account")].append(transaction)
        following = get_text(as_record(page.get("cursor")), "next")
        if not following:
            return found
        if following == cursor:
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        cursor = following
    raise ProviderFailed(_TOO_MANY)


def _format(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_report(
    sources: Sequence[Record],
    transactions: Mapping[str, Sequence[Record]],
    warnings: Sequence[str],
    problems: Sequence[RowError],
    now: datetime,
) -> Report:
    """Return the accounts with the problems that are of each of them."""
    reports: list[AccountReport] = []
    found = list(warnings)
    for source in sources:
        name = redact(get_text(source, "name")) or "An account without a name"
        of_account = transactions.get(get_text(source, "_id"), [])
        try:
            reports.append(_parse_account(source, name, of_account, problems, now))
        except UnusableField as error:
            found.append(f"{name}: {error}")
    return Report(reports, tuple(found), attention=find_attention(reports))


def _parse_account(
    source: Record,
    name: str,
    transactions: Sequence[Record],
    problems: Sequence[RowError],
    now: datetime,
) -> AccountReport:
    """Return the account, or raise UnusableField where it has no id, or its unit is no money."""
    external_id = get_text(source, "_id")
    parsing.require_account("_id", external_id if http_json.is_identifier(external_id) else "")
    kind = get_text(source, "type")
    if kind == _POINTS:
        detail = "its balance is points of a programme and no money, so it is left out."
        raise UnusableField(code="custom_currency", detail=detail)
    balances = as_record(source.get("balance"))
    institution = redact(get_text(as_record(source.get("connection")), "name")) or _NAME
    loan = as_record(as_record(source.get("meta")).get("loan_details"))
    is_mortgage = kind == "LOAN" and get_text(loan, "purpose") == "HOME"
    identity = Identity(
        # An id is Akahu's own: it stays when a bank changes to official open banking.
        institution_key="akahu",
        institution=institution,
        external_id=external_id,
        name=name,
        account_type=AccountType.MORTGAGE if is_mortgage else _TYPES.get(kind),
        number_masked=http_json.mask_number(get_text(source, "formatted_account")),
        currency=parsing.parse_currency_field("balance.currency", get_text(balances, "currency")),
        balance_sign=1,
    )
    of_account = list(problems)
    refreshed = as_record(source.get("refreshed"))
    as_of = http_json.parse_past_instant(get_text(refreshed, "balance"), now)
    outage = http_json.find_staleness(_NAME, as_of, now)
    if get_text(source, "status") == "INACTIVE":
        detail = _SIGN_IN.format(f"{name} ({institution})")
        outage = RowError(None, OutageCode.SIGN_IN_NEEDED, detail)
    current: Reading | None = None
    unusable: list[RowError] = []
    balance = http_json.find_amount(balances, "current", unusable)
    available = http_json.find_amount(balances, "available", unusable)
    if balance is not None:
        current = Reading(now, balance, available, as_of=as_of)
    elif not unusable:
        unusable.append(parsing.missing_balance(field="balance.current").to_row_error())
    read_at = http_json.parse_past_instant(get_text(refreshed, "transactions"), now)
    booked = [] if read_at is None else _parse_transactions(transactions, read_at)
    predecessor = get_text(source, "_migrated")
    return AccountReport(
        identity,
        current,
        find_closing_balances(booked),
        problems=(*unusable, *of_account),
        outage=outage,
        predecessor=predecessor if predecessor not in {"", external_id} else None,
    )


def _parse_transactions(
    transactions: Sequence[Record], read_at: datetime
) -> list[BookedTransaction]:
    """Return the transactions of the days that had ended when Akahu last read them.

    None where a transaction has no date: it could be the last one of any day.
    """
    parsed = []
    for transaction in transactions:
        at = http_json.parse_past_instant(get_text(transaction, "date"), read_at)
        if at is None:
            return []
        day = at.astimezone(_ZONE).date()
        if day < read_at.astimezone(_ZONE).date():
            amount, balance = (
                http_json.find_amount(transaction, field, []) for field in ("amount", "balance")
            )
            parsed.append(BookedTransaction(day, amount, balance))
    return parsed
