"""SimpleFIN: the self-hosters' protocol, versions 1 and 2, of the bridge and other servers.

A setup token names a claim address, which returns an access address once. There is no history.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    Credentials,
    CredentialsRefused,
    Http,
    Pace,
    ProviderFailed,
    Redirect,
    Renew,
    Report,
    ReturnTo,
)
from dashtam.domain import parsing
from dashtam.domain.account import Identity
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.parsing import UnusableField
from dashtam.domain.statement import Reading, RowError, sum_market_values
from dashtam.providers import http_json
from dashtam.providers.http_json import Record, as_list, as_record, as_records, get_text, redact
from dashtam.providers.key_provider import KeyProvider

_NAME: Final = "SimpleFIN"
# ``balances-only`` would leave out all transactions, and by its wording holdings as well.
_A_DAY: Final = timedelta(days=1)
_POSITION: Final = http_json.PositionFields(
    "holdings.symbol",
    "holdings.description",
    "holdings.shares",
    "",
    "holdings.market_value",
    "holdings.cost_basis",
)
_OK, _PAYMENT_REQUIRED, _FORBIDDEN = 200, 402, 403
_LONGEST_ADDRESS: Final = 2048
_ACCESS = re.compile(r"(?=[!-~]+\Z)https://[^/@:]+:[^/@]+@[^/@?#]+(/[^?#]*)?")

_NO_TOKEN = "This is not a SimpleFIN setup token: copy the whole of it."  # noqa: S105 - a sentence
_USED = (
    "SimpleFIN does not accept this setup token: it is unknown, or was used before. If you did not"
    " use it, it may be compromised: disable it at SimpleFIN, and make a new one."
)
_NOT_HANDED_OUT = (
    "SimpleFIN accepted the setup token, but did not hand out an address for it. Disable it at"
    " SimpleFIN, and make a new one."
)
_UNPAID = "SimpleFIN requires a payment first: renew the subscription there."
_DISABLED = (
    "SimpleFIN does not accept this access any more: it was disabled or expired. Make a new setup"
    " token, and connect again with it."
)


class SimpleFin(KeyProvider):
    """Any SimpleFIN server; the setup token names its address."""

    slug = "simplefin"
    name = _NAME
    credentials: Sequence[CredentialField] = (CredentialField("setup_token", "Setup token"),)
    # A bridge allows 24 requests a day, and disables a token that overdraws.
    pace = Pace(every=timedelta(days=1), daily_budget=20)

    def begin(
        self, given: Credentials, return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Credentials:
        """Claim the access address, which the server returns once."""
        del return_to, now
        token = http_json.require_credentials(given, self.credentials)["setup_token"]
        if _ACCESS.fullmatch(token):
            # Some users keep the access address itself, claimed long ago.
            return {"access_url": token.rstrip("/")}
        compact = "".join(token.split()).rstrip("=").replace("-", "+").replace("_", "/")
        try:
            claim = b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            raise CredentialsRefused(_NO_TOKEN) from None
        if not claim.strip().startswith("https://") or len(claim) > _LONGEST_ADDRESS:
            raise CredentialsRefused(_NO_TOKEN)
        answer = http.request("POST", claim.strip(), content=b"")
        if answer.status == _FORBIDDEN:
            raise CredentialsRefused(_USED)
        if answer.status != _OK:
            detail = f"SimpleFIN refused the setup token (HTTP status {answer.status})."
            raise ProviderFailed(detail)
        address = answer.body[: _LONGEST_ADDRESS + 1].decode("ascii", "replace").strip()
        if len(address) > _LONGEST_ADDRESS or _ACCESS.fullmatch(address) is None:
            raise ProviderFailed(_NOT_HANDED_OUT)
        return {"access_url": address.rstrip("/")}

    def fetch(
        self,
        stored: Credentials,
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        """Return the balances; there is no history to fill back."""
        del backfill, renew
        access_url = stored.get("access_url", "")
        if _ACCESS.fullmatch(access_url) is None:
            raise CredentialsRefused(_DISABLED)
        parts = urlsplit(access_url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        place = parts.netloc.rpartition("@")[2]
        answer = http.request(
            "GET",
            urlunsplit((parts.scheme, place, f"{parts.path}/accounts", "", "")),
            params=(("version", "2"), ("start-date", str(int((now - _A_DAY).timestamp())))),
            auth=(user, password),
        )
        if answer.status == _PAYMENT_REQUIRED:
            raise ProviderFailed(_UNPAID)
        if answer.status == _FORBIDDEN:
            raise CredentialsRefused(_DISABLED)
        http_json.raise_for_status(answer, _NAME, now)
        content = http_json.parse_json(answer)
        if not isinstance(content, dict) or not isinstance(content.get("accounts"), list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return _parse_report(content, (user, password, access_url), now)


def _parse_report(content: Record, secrets: Sequence[str], now: datetime) -> Report:
    connections = {
        get_text(connection, "conn_id"): connection
        for connection in as_records(content.get("connections"))
    }
    # Version 1 has texts, version 2 objects.
    texts = as_list(content.get("errors"))
    warnings = [redact(text, secrets) for text in texts if isinstance(text, str)]
    for record in as_records(content.get("errlist")):
        sentence = (
            get_text(record, "msg") or get_text(record, "message") or get_text(record, "code")
        )
        name = get_text(connections.get(get_text(record, "conn_id"), {}), "name")
        warnings.append(redact(f"{name}: {sentence}" if name else sentence, secrets))
    reports: list[AccountReport] = []
    for source in as_records(content["accounts"]):
        connection = connections.get(get_text(source, "conn_id"), {})
        try:
            reports.append(_parse_account(source, connection, now))
        except UnusableField as unusable:
            name = redact(get_text(source, "name"), secrets) or "An account without a name"
            warnings.append(f"{name}: {unusable}")
    return Report(reports, tuple(dict.fromkeys(filter(None, warnings))))


def _parse_account(source: Record, connection: Record, now: datetime) -> AccountReport:
    """Return the account, or raise UnusableField where it has no id or no currency."""
    external_id = get_text(source, "id")
    parsing.require_account("id", external_id if http_json.is_identifier(external_id) else "")
    code = get_text(source, "currency")
    if "/" in code:
        # It names a page that describes points or vouchers; a request there would betray the user.
        detail = "its currency is not money of ISO 4217, so it is left out."
        raise UnusableField(code="custom_currency", detail=detail)
    currency = parsing.parse_currency_field("currency", code)
    org = as_record(source.get("org"))
    institution = (
        get_text(org, "name")
        or get_text(connection, "org_name")
        or get_text(connection, "name")
        or get_text(org, "domain")
    )
    key = get_text(org, "id") or get_text(org, "domain") or get_text(connection, "org_id")
    name = redact(get_text(source, "name")) or "Account"
    # Some servers write names with a hyphen, others with an underscore.
    holdings = [
        {f"holdings.{member.replace('-', '_')}": value for member, value in holding.items()}
        for holding in as_records(source.get("holdings"))
    ]
    identity = Identity(
        institution_key=redact(key or institution) or "simplefin",
        institution=redact(institution) or _NAME,
        external_id=external_id,
        name=name,
        account_type=guess_account_type(name, has_positions=bool(holdings)),
        currency=currency,
    )
    problems: list[RowError] = []
    as_of = http_json.parse_unix_time(get_text(source, "balance-date"), now)
    positions = None
    if isinstance(source.get("holdings"), list):
        positions = http_json.collect_positions(
            (
                http_json.build_position(
                    holding,
                    _POSITION,
                    "other",
                    parsing.parse_currency_field(
                        "holdings.currency", get_text(holding, "holdings.currency"), currency
                    ),
                    as_of or now,
                )
                for holding in holdings[: http_json.MAX_POSITIONS]
            ),
            problems,
        )
    balance = http_json.find_amount(source, "balance", problems)
    available = http_json.find_amount(source, "available-balance", problems)
    current: Reading | None = None
    if balance is not None:
        value = sum_market_values(positions, currency)
        current = Reading(now, balance, available, holdings_value=value, as_of=as_of)
    elif not problems:
        problems.append(parsing.missing_balance(field="balance").to_row_error())
    return AccountReport(identity, current, (), positions, tuple(problems))
