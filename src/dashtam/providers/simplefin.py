"""SimpleFIN: the self-hosters' protocol, versions 1 and 2, of the bridge and other servers.

A setup token names a claim address, which returns an access address once. There is no history.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from dashtam.domain.account import AliasKind, Identity, InstitutionAlias
from dashtam.domain.account_types import guess_account_type
from dashtam.domain.parsing import UnusableField
from dashtam.domain.statement import Reading, RowError, sum_market_values
from dashtam.domain.sync import OutageCode
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
_DOMAIN = re.compile(r"([A-Za-z0-9-]+\.)+[A-Za-z]{2,}")

_NO_TOKEN = "This is not a SimpleFIN setup token: copy the whole of it."  # noqa: S105 - a sentence
_NOT_ENCRYPTED = (
    "This setup token leads to an address that begins with http://, and Dashtam sends credentials"
    " over https alone: serve your SimpleFIN server with https, and make a new token there."
)
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
    " token there."
)

_SIGN_IN = (
    "{} asks you to sign in again: do so at SimpleFIN. Until then its balances are not recorded."
)
_UNREACHED = (
    "SimpleFIN cannot read {} at present, and its balances are not recorded meanwhile. If this"
    " lasts longer than a day, look at the connection there."
)
_UNREAD = (
    "SimpleFIN cannot read an account of {} at present, and its balance is not recorded meanwhile."
    " If this lasts longer than a day, look at the connection there."
)
_NAMED = (
    "SimpleFIN warns of {}, and its balances are not recorded meanwhile. Look at the connection"
    " there."
)


class SimpleFin(KeyProvider):
    """Any SimpleFIN server; the setup token names its address."""

    slug = "simplefin"
    name = _NAME
    help_url = "https://beta-bridge.simplefin.org/"
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
        if claim.strip().startswith("http://"):
            raise CredentialsRefused(_NOT_ENCRYPTED)
        if not claim.strip().startswith("https://") or len(claim) > _LONGEST_ADDRESS:
            raise CredentialsRefused(_NO_TOKEN)
        answer = http.request("POST", claim.strip(), content=b"")
        if answer.status == _FORBIDDEN:
            raise CredentialsRefused(_USED)
        if answer.status != _OK:
            detail = (
                f"SimpleFIN refused the setup token (HTTP status {answer.status}). Try again; if"
                " that does not help, make a new one there."
            )
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
        content = http_json.parse_success(answer, _NAME, now)
        if not isinstance(content, dict) or not isinstance(content.get("accounts"), list):
            raise ProviderFailed(http_json.NOT_UNDERSTOOD)
        return _parse_report(content, (user, password, access_url), now)


def _parse_report(content: Record, secrets: Sequence[str], now: datetime) -> Report:
    connections = {
        get_text(connection, "conn_id"): connection
        for connection in as_records(content.get("connections"))
    }
    # Version 1 has texts, version 2 objects.
    texts = [text for text in as_list(content.get("errors")) if isinstance(text, str)]
    warnings = [redact(text, secrets) for text in texts]
    errors = [_parse_error(one, connections, secrets) for one in as_records(content.get("errlist"))]
    warnings += [error.warning for error in errors]
    reports: list[AccountReport] = []
    for source in as_records(content["accounts"]):
        connection = connections.get(get_text(source, "conn_id"), {})
        try:
            report = _parse_account(source, connection, now)
        except UnusableField as unusable:
            name = redact(get_text(source, "name"), secrets) or "An account without a name"
            warnings.append(f"{name}: {unusable}")
            continue
        about = next((error for error in errors if error.is_about(source, connections)), None)
        if about is not None:
            report = replace(report, outage=about.outage)
        reports.append(report)
    named = _find_named({report.identity.institution for report in reports}, warnings[: len(texts)])
    reports = [
        replace(one, outage=named[one.identity.institution])
        if one.outage is None and one.identity.institution in named
        else one
        for one in reports
    ]
    outages = [*(error.outage for error in errors), *named.values()]
    attention = dict.fromkeys(outage.detail for outage in outages if outage is not None)
    return Report(reports, tuple(dict.fromkeys(filter(None, warnings))), tuple(attention))


@dataclass(frozen=True, slots=True)
class _Error:
    """An error of version 2; ``outage`` is None where it is about no balance."""

    warning: str
    conn_id: str
    account_id: str
    outage: RowError | None

    def is_about(self, source: Record, connections: Mapping[str, Record]) -> bool:
        """Tell whether the error is about an account of the same answer."""
        if self.outage is None:
            return False
        conn_id = self.conn_id or ("" if self.account_id else _get_only(connections))
        is_its_login = not conn_id or conn_id == get_text(source, "conn_id")
        is_its_id = not self.account_id or self.account_id == get_text(source, "id")
        return bool(conn_id or self.account_id) and is_its_login and is_its_id


def _get_only(connections: Mapping[str, Record]) -> str:
    return next(iter(connections)) if len(connections) == 1 else ""


def _parse_error(
    record: Record, connections: Mapping[str, Record], secrets: Sequence[str]
) -> _Error:
    code, conn_id = get_text(record, "code"), get_text(record, "conn_id")
    sentence = get_text(record, "msg") or get_text(record, "message") or code
    name = get_text(connections.get(conn_id or _get_only(connections), {}), "name")
    outage: RowError | None = None
    institution = redact(name, secrets) or "The institution"
    # An unknown code of a kind is read as that kind.
    if code.startswith("con.auth"):
        detail = _SIGN_IN.format(institution)
        outage = RowError(None, OutageCode.SIGN_IN_NEEDED, detail)
    elif code.startswith("con."):
        outage = RowError(None, OutageCode.INSTITUTION_FAILED, _UNREACHED.format(institution))
    elif code.startswith("act."):
        outage = RowError(None, OutageCode.ACCOUNT_FAILED, _UNREAD.format(institution))
    warning = redact(f"{name}: {sentence}" if conn_id and name else sentence, secrets)
    return _Error(warning, conn_id, get_text(record, "account_id"), outage)


def _find_named(institutions: Iterable[str], sentences: Iterable[str]) -> dict[str, RowError]:
    """Return the institutions that sentences of version 1 name; the longest name counts."""
    found: dict[str, RowError] = {}
    folded = [(one, one.casefold()) for one in institutions]
    for sentence in map(str.casefold, sentences):
        named = [
            (one, name)
            for one, name in folded
            # A pattern is compiled for few of the names.
            if name in sentence and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sentence)
        ]
        for one, name in named:
            if not any(name != other and name in other for _, other in named):
                detail = _NAMED.format(one)
                found.setdefault(one, RowError(None, OutageCode.INSTITUTION_FAILED, detail))
    return found


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
    institution, aliases = _parse_institution(as_record(source.get("org")), connection)
    name = redact(get_text(source, "name")) or "Account"
    # Some servers write names with a hyphen, others with an underscore.
    holdings = [
        {f"holdings.{member.replace('-', '_')}": value for member, value in holding.items()}
        for holding in as_records(source.get("holdings"))
    ]
    identity = Identity(
        institution_key=aliases[0].value,
        institution=institution,
        external_id=external_id,
        name=name,
        account_type=guess_account_type(name, has_positions=bool(holdings)),
        currency=currency,
        institution_aliases=aliases,
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


def _parse_institution(org: Record, connection: Record) -> tuple[str, tuple[InstitutionAlias, ...]]:
    """Return the institution's name for people, and all its names, the strongest first.

    Version 1 tells an ``org``, version 2 a connection.
    """
    names = [get_text(org, "name"), get_text(connection, "org_name")]
    name = next(filter(None, (*names, get_text(connection, "name"), get_text(org, "domain"))), "")
    ids = [get_text(org, "id"), get_text(connection, "org_id")]
    addresses = [get_text(org, "url"), get_text(connection, "org_url")]
    # Some servers have a domain as the id.
    domains = [get_text(org, "domain"), *map(_find_host, addresses), *filter(_is_domain, ids)]
    told = (
        (AliasKind.LOGIN, [get_text(connection, "conn_id")]),
        (AliasKind.ID, ids),
        (AliasKind.DOMAIN, [domain.casefold().removeprefix("www.") for domain in domains]),
        (AliasKind.NAME, [one.casefold() for one in (*names, get_text(connection, "name"))]),
    )
    aliases = dict.fromkeys(
        InstitutionAlias(kind, value)
        for kind, values in told
        for value in (redact(one) for one in values)
        if value
    )
    fallback = InstitutionAlias(AliasKind.NAME, "simplefin")
    return redact(name) or _NAME, tuple(aliases) or (fallback,)


def _find_host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_domain(text: str) -> bool:
    return _DOMAIN.fullmatch(text) is not None
