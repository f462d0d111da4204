"""SimpleFIN: the self-hosters' protocol, versions 1 and 2, as the bridge and others speak it.

A setup token names a claim address, which hands out an access address once. No history is told.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    CredentialsRefused,
    Http,
    Pace,
    ProviderFailed,
    Report,
)
from dashtam.domain import parsing
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.money import Currency
from dashtam.domain.parsing import Unusable
from dashtam.domain.statement import Identity, Position, Reading, RowError
from dashtam.providers import http_json
from dashtam.providers.http_json import Record, text

_NAME: Final = "SimpleFIN"
_TITLE: Final = "Setup token"
# ``balances-only`` would spare us all transactions, and by its wording holdings as well.
_A_DAY: Final = timedelta(days=1)
_OK, _PAYMENT_REQUIRED, _FORBIDDEN = 200, 402, 403
_LONGEST_ADDRESS: Final = 2048
_ACCESS = re.compile(r"(?=[!-~]+\Z)https://[^/@:]+:[^/@]+@[^/@?#]+(/[^?#]*)?")

_NO_TOKEN = "This is not a SimpleFIN setup token: copy the whole of it."  # noqa: S105 - a sentence
_USED = (
    "SimpleFIN does not know this setup token, or it was used before. If it was not you who used"
    " it, it may be compromised: disable it at SimpleFIN, and make a new one."
)
_NOT_HANDED_OUT = (
    "SimpleFIN took the setup token, and did not hand out an address for it. Disable it at"
    " SimpleFIN, and make a new one."
)
_UNPAID = "SimpleFIN asks for a payment before it tells any more: renew the subscription there."
_DISABLED = (
    "SimpleFIN does not take this access any more: it was disabled or expired. Make a new setup"
    " token, and connect again with it."
)


class SimpleFin:
    """Any SimpleFIN server: the setup token says which."""

    slug = "simplefin"
    name = _NAME
    credentials: Sequence[CredentialField] = (CredentialField("setup_token", _TITLE),)
    # A bridge allows 24 requests a day, and disables a token that overdraws.
    pace = Pace(every=timedelta(days=1), daily_budget=20)

    def connect(self, given: Mapping[str, str], http: Http) -> Mapping[str, str]:
        """Claim the access address, which is handed out once."""
        token = http_json.credential(given, "setup_token", _TITLE)
        if _ACCESS.fullmatch(token):
            # Some keep the access address itself, claimed long ago.
            return {"access_url": token.rstrip("/")}
        claimed = http.request("POST", _claim_url(token), content=b"")
        if claimed.status == _FORBIDDEN:
            raise CredentialsRefused(_USED)
        if claimed.status != _OK:
            detail = f"SimpleFIN refused the setup token (HTTP status {claimed.status})."
            raise ProviderFailed(detail)
        address = claimed.body[: _LONGEST_ADDRESS + 1].decode("ascii", "replace").strip()
        if len(address) > _LONGEST_ADDRESS or _ACCESS.fullmatch(address) is None:
            raise ProviderFailed(_NOT_HANDED_OUT)
        return {"access_url": address.rstrip("/")}

    def fetch(
        self, kept: Mapping[str, str], http: Http, *, now: datetime, backfill: bool
    ) -> Report:
        """Return the balances; there is no history to fill back."""
        del backfill
        access_url = kept.get("access_url", "")
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
        return _report(http_json.json_of(answer), (user, password, access_url), now)


def _claim_url(token: str) -> str:
    compact = "".join(token.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        address = b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise CredentialsRefused(_NO_TOKEN) from None
    if not address.strip().startswith("https://") or len(address) > _LONGEST_ADDRESS:
        raise CredentialsRefused(_NO_TOKEN)
    return address.strip()


def _report(said: object, secrets: Sequence[str], now: datetime) -> Report:
    if not isinstance(said, dict) or not isinstance(said.get("accounts"), list):
        http_json.not_understood()
    connections = {
        text(connection, "conn_id"): connection
        for connection in http_json.records(said.get("connections"))
    }
    unusable: list[str] = []
    reports: list[AccountReport] = []
    for source in http_json.records(said["accounts"]):
        connection = connections.get(text(source, "conn_id"), {})
        try:
            reports.append(_account(source, _identity(source, connection), now))
        except Unusable as reason:
            name = http_json.harmless(text(source, "name"), secrets) or "An account without a name"
            unusable.append(f"{name}: {reason}")
    warnings = http_json.in_turn(_warnings(said, connections, secrets), unusable)
    return Report(http_json.distinct(reports), tuple(warnings))


def _warnings(
    said: Record, connections: Mapping[str, Record], secrets: Sequence[str]
) -> Iterator[str]:
    """Yield what the server itself warns of, in both versions' forms."""
    errors = said.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, str):
            yield http_json.harmless(error, secrets)
    for error in http_json.records(said.get("errlist")):
        sentence = text(error, "msg") or text(error, "message") or text(error, "code")
        of = text(connections.get(text(error, "conn_id"), {}), "name")
        yield http_json.harmless(f"{of}: {sentence}" if of else sentence, secrets)


def _identity(source: Record, connection: Record) -> Identity:
    """Return whose account it is.

    Raises:
        Unusable: it has no id, or no currency of ISO 4217.
    """
    external_id = text(source, "id")
    if not http_json.is_identifier(external_id):
        raise Unusable(code="missing_account", detail="id is missing: no account is told.")
    org = http_json.record(source.get("org"))
    institution = (
        text(org, "name")
        or text(connection, "org_name")
        or text(connection, "name")
        or text(org, "domain")
    )
    key = text(org, "id") or text(org, "domain") or text(connection, "org_id") or institution
    name = http_json.named(text(source, "name"), "Account")
    return Identity(
        institution_key=http_json.named(key, "simplefin"),
        institution=http_json.named(institution, _NAME),
        external_id=external_id,
        name=name,
        account_type=guess_account_type(
            name, has_positions=bool(http_json.records(source.get("holdings")))
        ),
        number_masked=None,
        currency=_currency(source),
    )


def _currency(source: Record) -> Currency:
    code = text(source, "currency")
    if "/" in code:
        # It names a page that describes points or vouchers; asking there would tell on the user.
        detail = "its currency is not money of ISO 4217, so it is left out."
        raise Unusable(code="custom_currency", detail=detail)
    return parsing.currency("currency", code)


def _account(source: Record, identity: Identity, now: datetime) -> AccountReport:
    problems: list[RowError] = []
    as_of = http_json.instant(text(source, "balance-date"), now)
    positions = _positions(source, identity.currency, as_of or now, problems)
    balance = http_json.told_amount("balance", source, "balance", problems)
    available = http_json.told_amount("available-balance", source, "available-balance", problems)
    current: Reading | None = None
    if balance is not None:
        value = http_json.value_of(positions, identity.currency)
        current = Reading(now, balance, available, holdings_value=value, as_of=as_of)
    elif not problems:
        problems.append(parsing.missing_balance(field="balance").problem())
    return AccountReport(identity, current, (), positions, tuple(problems))


def _positions(
    source: Record, currency: Currency, as_of: datetime, problems: list[RowError]
) -> tuple[Position, ...] | None:
    if not isinstance(source.get("holdings"), list):
        return None
    try:
        return tuple(
            _position(holding, currency, as_of)
            for holding in http_json.records(source["holdings"])[: http_json.MAX_POSITIONS]
        )
    except Unusable as unusable:
        # A part of the positions would look like all of them.
        problems.append(unusable.problem())
        return None


def _position(holding: Record, currency: Currency, as_of: datetime) -> Position:
    # Written with a hyphen in some servers' answers, with an underscore in others'.
    holding = {name.replace("-", "_"): value for name, value in holding.items()}
    quantity = http_json.optional_amount("holdings.shares", holding, "shares")
    if quantity is None:
        raise Unusable(code="invalid_amount", detail="holdings.shares is missing.")
    code = text(holding, "currency")
    symbol = http_json.harmless(text(holding, "symbol"))
    name = http_json.harmless(text(holding, "description"))
    return Position(
        symbol=symbol or name or "unknown",
        name=name or symbol or "Unknown",
        asset_type="other",
        quantity=quantity,
        price=None,
        market_value=http_json.optional_amount("holdings.market_value", holding, "market_value"),
        cost_basis=http_json.optional_amount("holdings.cost_basis", holding, "cost_basis"),
        currency=parsing.currency("holdings.currency", code) if code else currency,
        as_of=as_of,
    )
