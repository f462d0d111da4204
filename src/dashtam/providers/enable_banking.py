"""Enable Banking: banks of the European Union and the United Kingdom, by the user's consent.

The owner makes an application in its console, and signs in at the bank's page for each connection.
The fields and the codes of errors are those of its OpenAPI description (schemas
``AccountResource``, ``BalanceResource``, ``Transaction`` and ``ErrorCode``).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import jwt

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
    Redirect,
    Renew,
    Report,
    ReturnTo,
    base_url_field,
)
from dashtam.domain import parsing
from dashtam.domain.account import AccountType, Identity
from dashtam.domain.parsing import UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError
from dashtam.providers import http_json
from dashtam.providers.closing_balances import BookedTransaction, find_closing_balances
from dashtam.providers.http_json import Record, as_record, as_records, get_text, redact

SERVICE: Final = "https://api.enablebanking.com"

_NAME: Final = "Enable Banking"
_TOKEN_LIFETIME: Final = timedelta(hours=1)
_LONGEST_CONSENT: Final = timedelta(days=179)
_RECENT: Final = timedelta(days=30)
_ALLOWED_PERIOD: Final = timedelta(days=90)
_MOST_PAGES: Final = 100
_BALANCE_TYPES: Final = ("CLBD", "ITBD", "XPCD")
_AVAILABLE_TYPES: Final = ("ITAV", "CLAV")
_TYPES: Final = {
    "CACC": AccountType.CHECKING,
    "CARD": AccountType.CREDIT_CARD,
    "CASH": AccountType.CASH,
    "LOAN": AccountType.LOAN,
    "SVGS": AccountType.SAVINGS,
}
_OWED: Final = frozenset({AccountType.CREDIT_CARD, AccountType.LOAN})
_ENDED: Final = frozenset(
    {
        "CLOSED_SESSION",
        "EXPIRED_SESSION",
        "REVOKED_SESSION",
        "SESSION_DOES_NOT_EXIST",
        "WRONG_SESSION_STATUS",
    }
)
_WRONG_PERIOD: Final = frozenset({"WRONG_TRANSACTIONS_PERIOD", "PERIOD_INVALID"})
_TOO_OFTEN: Final = "ASPSP_RATE_LIMIT_EXCEEDED"

_ACTION_NEEDED: Final = "ASPSP_PSU_ACTION_REQUIRED"
_UNREACHED = "The bank does not answer Enable Banking at present."
_NO_ACCESS = "The bank gives no access to this account: it may be closed or blocked."
_CODE_ENDED = "The sign-in at the bank was not completed in time: begin it again."
_REFUSALS: Final = {
    "NO_ACCOUNTS_ADDED": (
        "The application has no accounts yet: link yours to it in Enable Banking's control panel."
    ),
    "REDIRECT_URI_NOT_ALLOWED": (
        "The application does not allow the address to which the browser returns: register it in"
        " Enable Banking's control panel."
    ),
    "UNAUTHORIZED_IP": "The application is limited to other addresses than this server's.",
}
_FAILURES: Final = {
    "ACCOUNT_DOES_NOT_EXIST": _NO_ACCESS,
    "ASPSP_ACCOUNT_NOT_ACCESSIBLE": _NO_ACCESS,
    "ASPSP_ERROR": _UNREACHED,
    "ASPSP_TIMEOUT": _UNREACHED,
    "EXPIRED_AUTHORIZATION_CODE": _CODE_ENDED,
    "WRONG_AUTHORIZATION_CODE": _CODE_ENDED,
}

_ACTION = "The bank asks its customer for something first: sign in at its own page, and look there."
_BAD_KEY = "The private key is not an RSA key in PEM: copy the whole file of the application."
_NO_CONSENT = "The bank's consent has ended, or was withdrawn: sign in at the bank again."
_NOT_COMPLETED = "The sign-in at the bank was not completed."


class EnableBanking:
    """The accounts of one consent at one bank."""

    slug = "enable_banking"
    name = _NAME
    help_url = "https://enablebanking.com/docs/"
    credentials: Sequence[CredentialField] = (
        CredentialField("application_id", "Application id", is_secret=False),
        CredentialField("private_key", "Private key of the application (PEM)", is_multiline=True),
        CredentialField("country", "Country of the bank, such as FI", is_secret=False),
        CredentialField("bank", "Name of the bank", is_secret=False),
        base_url_field(SERVICE),
    )
    # Banks allow four pulls a day without their customer.
    pace = Pace(every=timedelta(days=1), daily_budget=500, daily_syncs=4)
    uses_browser = True

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Find the bank, and return the address of its sign-in."""
        state = http_json.require_credentials(given, self.credentials)
        country, api = state["country"].upper(), _Api(state, http, now)
        answer = api.request("GET", "aspsps", (("country", country),))
        bank = _find_bank(answer, state["bank"], country)
        longest = get_text(bank, "maximum_consent_validity")
        consent = _LONGEST_CONSENT
        if longest.isascii() and longest.isdigit() and len(longest) < 10:  # noqa: PLR2004 - years
            consent = min(consent, timedelta(seconds=int(longest)) - timedelta(minutes=1))
        body = {
            "access": {"valid_until": f"{(now + consent).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"},
            "aspsp": {"name": get_text(bank, "name"), "country": country},
            "psu_type": "personal",
            "redirect_url": return_to.url,
            "state": return_to.token,
        }
        url = get_text(api.request("POST", "auth", body=body), "url")
        if not url.startswith("https://"):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return Redirect(url, state | {"country": country, "bank": get_text(bank, "name")})

    def complete(
        self, state: Credentials, parameters: Mapping[str, str], http: Http, *, now: datetime
    ) -> Credentials:
        """Return the session for the code; its accounts are told with it."""
        if "error" in parameters or not parameters.get("code"):
            raise CredentialsRefused(_NOT_COMPLETED)
        body = {"code": parameters["code"]}
        session = _Api(state, http, now).request("POST", "sessions", body=body)
        session_id = get_text(session, "session_id")
        if not http_json.is_identifier(session_id) or not isinstance(session.get("accounts"), list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return {
            **state,
            "session_id": session_id,
            "valid_until": get_text(as_record(session.get("access")), "valid_until"),
            "accounts": json.dumps(as_records(session["accounts"])),
        }

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the balances of the session's accounts, and those after booked transactions."""
        del renew
        if not stored.get("session_id"):
            raise CredentialsRefused(_NO_CONSENT)
        expires_at = http_json.parse_instant(stored.get("valid_until", ""))
        if expires_at is not None and expires_at <= now:
            raise CredentialsRefused(_NO_CONSENT)

        api = _Api(stored, http, now)

        def get(path: str, *params: tuple[str, str]) -> Record:
            return api.request("GET", path, params)

        reports: list[AccountReport] = []
        warnings: list[str] = []
        errors: list[ProviderError] = []
        attention: list[str] = []
        for source in as_records(json.loads(stored.get("accounts", "[]"))):
            name = _find_name(source)
            try:
                reports += _fetch_account(get, source, name, stored, now, backfill=backfill)
            except CredentialsRefused:
                raise
            except (ProviderError, UnusableField) as error:
                # The other accounts are told all the same.
                warnings.append(f"{name}: {error}")
                errors += [error] if isinstance(error, ProviderError) else []
                attention += [str(error)] if isinstance(error, _ActionNeeded) else []
        if errors and not reports:
            raise errors[0]
        return Report(
            reports,
            tuple(dict.fromkeys(warnings)),
            attention=tuple(dict.fromkeys(attention)),
            expires_at=expires_at,
        )


@dataclass(slots=True)
class _Api:
    """The requests of one call, all with one token."""

    stored: Credentials
    http: Http
    now: datetime
    _token: str = ""

    def request(
        self,
        method: str,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        body: Mapping[str, object] | None = None,
    ) -> Record:
        self._token = self._token or self._make_token()
        answer = self.http.request(
            method,
            f"{self.stored.get(BASE_URL, SERVICE)}/{path}",
            params=params,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            content=None if body is None else json.dumps(body).encode(),
        )
        code = _error_code(answer)
        if code in _ENDED:
            raise CredentialsRefused(_NO_CONSENT)
        if code in _REFUSALS:
            raise CredentialsRefused(_REFUSALS[code])
        if code == _ACTION_NEEDED:
            raise _ActionNeeded(_ACTION)
        if code in _FAILURES:
            raise ProviderFailed(_FAILURES[code])
        if code in _WRONG_PERIOD:
            raise _WrongPeriod(detail="The bank tells no transactions of so long ago.")
        if code == _TOO_OFTEN:
            detail = "The bank was asked as often as it may be today."
            raise ProviderRateLimited(detail, http_json.parse_retry_after(answer, self.now))
        content = http_json.parse_success(answer, _NAME, self.now)
        if not isinstance(content, dict):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return content

    def _make_token(self) -> str:
        claims = {
            "iss": "enablebanking.com",
            "aud": "api.enablebanking.com",
            "iat": int(self.now.timestamp()),
            "exp": int((self.now + _TOKEN_LIFETIME).timestamp()),
        }
        try:
            headers = {"kid": self.stored["application_id"]}
            return jwt.encode(
                claims, self.stored["private_key"], algorithm="RS256", headers=headers
            )
        except (ValueError, TypeError, KeyError, jwt.PyJWTError):
            raise CredentialsRefused(_BAD_KEY) from None


class _ActionNeeded(ProviderFailed):
    """The bank wants its customer to do something at its own page."""


class _WrongPeriod(ProviderFailed):
    """The bank refuses the period of the transactions."""


def _error_code(answer: HttpAnswer) -> str:
    if answer.status < 400:  # noqa: PLR2004 - HTTP's errors
        return ""
    try:
        content = as_record(http_json.parse_json(answer))
    except ProviderFailed:
        return ""
    return get_text(content, "error") or get_text(content, "code")


def _find_bank(answer: Record, name: str, country: str) -> Record:
    if not isinstance(answer.get("aspsps"), list):
        raise ProviderFailed(http_json.NOT_UNDERSTOOD)
    names = {get_text(bank, "name").casefold(): bank for bank in as_records(answer["aspsps"])}
    found = names.get(name.casefold())
    if found is None:
        near = [bank for known, bank in names.items() if name.casefold() in known][:5]
        hint = ", ".join(redact(get_text(bank, "name")) for bank in near)
        detail = f"There is no bank of this name in {country}."
        raise CredentialsRefused(f"{detail} Is it one of these: {hint}?" if hint else detail)
    return found


def _get_number(source: Record) -> str:
    """Return the account's number, an IBAN or another one."""
    account_id = as_record(source.get("account_id"))
    return get_text(account_id, "iban") or get_text(
        as_record(account_id.get("other")), "identification"
    )


def _find_name(source: Record) -> str:
    """Return the name of the account; the field of that name has the holder's."""
    masked = http_json.mask_number(_get_number(source))
    told = redact(get_text(source, "details") or get_text(source, "product"))
    return told or (f"Account {masked}" if masked else "Account")


def _fetch_account(
    get: Callable[..., Record],
    source: Record,
    name: str,
    stored: Credentials,
    now: datetime,
    *,
    backfill: bool,
) -> Iterator[AccountReport]:
    """Yield a report for each currency of the account."""
    external_id, uid = get_text(source, "identification_hash"), get_text(source, "uid")
    is_known = http_json.is_identifier(external_id)
    parsing.require_account("identification_hash", external_id if is_known else "")
    if not uid.isascii() or not uid.replace("-", "").isalnum():
        raise UnusableField(code="missing_account", detail=_NO_ACCESS)
    answer = get(f"accounts/{uid}/balances")
    by_currency = _group_balances(answer, get_text(source, "currency"))
    problems: list[RowError] = []
    transactions: list[Record] = []
    try:
        transactions = _fetch_transactions(get, uid, now, backfill=backfill)
    except CredentialsRefused:
        raise
    except ProviderError as error:
        problems.append(RowError(None, "no_transactions", f"Earlier balances: {error}"))
    account_type = _TYPES.get(get_text(source, "cash_account_type"))
    for code, by_type in by_currency.items():
        currency = parsing.parse_currency_field("currency", code)
        identity = Identity(
            institution_key=f"{stored.get('country')}/{stored.get('bank')}",
            institution=stored.get("bank") or _NAME,
            external_id=external_id,
            name=name if len(by_currency) == 1 else f"{name} {currency.code}",
            account_type=account_type,
            number_masked=http_json.mask_number(_get_number(source)),
            currency=currency,
            balance_sign=-1 if account_type in _OWED else 1,
        )
        of_account = list(problems)
        current = _parse_current(by_type, of_account, now)
        history = find_closing_balances(_parse_transactions(transactions, currency.code, now))
        yield AccountReport(identity, current, history, None, tuple(of_account))


def _group_balances(answer: Record, default_code: str) -> Mapping[str, Mapping[str, Record]]:
    """Return the newest balance of each type, by currency; an account without any has one group."""
    by_currency: dict[str, dict[str, Record]] = {}
    for balance in as_records(answer.get("balances")):
        code = get_text(as_record(balance.get("balance_amount")), "currency")
        by_type = by_currency.setdefault(code or default_code, {})
        kind = get_text(balance, "balance_type")
        # Some banks tell one of each of the last days.
        days = [
            http_json.parse_day(get_text(one, "reference_date")) or date.min
            for one in (balance, by_type.get(kind, {}))
        ]
        if kind not in by_type or days[0] > days[1]:
            by_type[kind] = balance
    return by_currency or {default_code: {}}


def _parse_current(
    by_type: Mapping[str, Record], problems: list[RowError], now: datetime
) -> Reading | None:
    """Return the booked balance, else the interim, else the expected one."""
    chosen = next((by_type[one] for one in _BALANCE_TYPES if one in by_type), None)
    if chosen is None:
        problems.append(parsing.missing_balance(field="balances").to_row_error())
        return None
    known = len(problems)
    balance = http_json.find_amount(as_record(chosen.get("balance_amount")), "amount", problems)
    if balance is None:
        if len(problems) == known:
            problems.append(parsing.missing_balance(field="amount").to_row_error())
        return None
    available = next((by_type[one] for one in _AVAILABLE_TYPES if one in by_type), {})
    as_of = http_json.parse_instant(get_text(chosen, "last_change_date_time"))
    day = http_json.parse_day(get_text(chosen, "reference_date"))
    if as_of is None and day is not None:
        as_of = Moment.of_day(day).at
    return Reading(
        now,
        balance,
        http_json.find_amount(as_record(available.get("balance_amount")), "amount", problems),
        as_of=None if as_of is None or as_of > now else as_of,
    )


def _fetch_transactions(
    get: Callable[..., Record], uid: str, now: datetime, *, backfill: bool
) -> list[Record]:
    recent = [("date_from", f"{(now - _RECENT).date()}")]
    try:
        return _fetch_pages(get, uid, [("strategy", "longest")] if backfill else recent)
    except _WrongPeriod:
        return _fetch_pages(get, uid, [("date_from", f"{(now - _ALLOWED_PERIOD).date()}")])


def _fetch_pages(
    get: Callable[..., Record], uid: str, params: Sequence[tuple[str, str]]
) -> list[Record]:
    found: list[Record] = []
    key = ""
    for _ in range(_MOST_PAGES):
        page = [("continuation_key", key)] if key else []
        answer = get(f"accounts/{uid}/transactions", *params, *page)
        found += as_records(answer.get("transactions"))
        following = get_text(answer, "continuation_key")
        if not following or following == key:
            return found
        key = following
    raise ProviderFailed(detail="The bank tells more transactions than can be read.")


def _parse_transactions(
    transactions: Sequence[Record], code: str, now: datetime
) -> Iterator[BookedTransaction]:
    """Yield the transactions in this currency that were booked on past days."""
    for transaction in transactions:
        day = http_json.parse_day(get_text(transaction, "booking_date"))
        if day is None or day >= now.date() or get_text(transaction, "status") != "BOOK":
            continue
        after = as_record(transaction.get("balance_after_transaction"))
        moved = as_record(transaction.get("transaction_amount"))
        if code not in {get_text(after, "currency"), get_text(moved, "currency")}:
            continue
        problems: list[RowError] = []
        balance = http_json.find_amount(after, "amount", problems)
        amount = http_json.find_amount(moved, "amount", problems)
        direction = get_text(transaction, "credit_debit_indicator")
        if direction == "DBIT" and amount is not None:
            amount = amount.copy_negate()
        if direction not in {"CRDT", "DBIT"} or get_text(after, "currency") != code:
            balance = None
        yield BookedTransaction(day, amount, balance)
