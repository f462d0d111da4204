"""The conformance check of a provider, for its author's tests; it needs no network.

``python -m dashtam.providers.conformance PACKAGE.MODULE:PROVIDER`` prints the provider's faults,
and ends with 1 if there are any. From a test: ``assert not list(conformance.faults(provider))``.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from itertools import chain
from typing import TypeVar
from urllib.parse import urlsplit

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    Credentials,
    HttpAnswer,
    Pace,
    Provider,
    ProviderError,
    ProviderFailed,
    Redirect,
    Report,
    ReturnTo,
)
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import Currency, parse_amount, to_digits
from dashtam.domain.period import Precision
from dashtam.providers.version_1 import VersionOne, is_version_1

T = TypeVar("T")

NOW = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
RETURN_TO = ReturnTo(
    "https://dashtam.example/connections/return", "token-6d1f0a7b", "verifier-" + "8c3e5a91" * 6
)

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}")
# No credential may appear in a sentence, wherever the other side echoes it.
_CANARY = "canary-4f1d7c9e2b"
_PARAMETERS = {"code": "canary-4f1d7c9e2b-code", "state": RETURN_TO.token}
_ENVIRONMENTS: Sequence[tuple[str, HttpAnswer | None]] = (
    ("no answer", None),
    ("an empty answer", HttpAnswer(200, {}, b"")),
    ("an answer that is not UTF-8", HttpAnswer(200, {}, b"\xff\xfe\x00\x80")),
    ("a web page", HttpAnswer(200, {"content-type": "text/html"}, b"<!doctype html><h1>Hi</h1>")),
    ("an empty JSON object", HttpAnswer(200, {}, b"{}")),
    ("an empty JSON list", HttpAnswer(200, {}, b"[]")),
    ("JSON null", HttpAnswer(200, {}, b"null")),
    ("deeply nested JSON", HttpAnswer(200, {}, b"[" * 100_000)),
    ("numbers that are none", HttpAnswer(200, {}, b'{"accounts": [{"id": "1", "balance": NaN}]}')),
    ("XML that is cut off", HttpAnswer(200, {}, b"<FlexQueryResponse><FlexStatements>")),
    ("400", HttpAnswer(400, {}, b'{"message": "canary-4f1d7c9e2b"}')),
    ("401", HttpAnswer(401, {}, b"canary-4f1d7c9e2b")),
    ("402", HttpAnswer(402, {}, b'{"errors": ["canary-4f1d7c9e2b"], "accounts": []}')),
    ("403", HttpAnswer(403, {"content-type": "text/html"}, b"<h1>canary-4f1d7c9e2b</h1>")),
    ("404", HttpAnswer(404, {}, b"")),
    ("429", HttpAnswer(429, {"retry-after": "soon"}, b"")),
    ("500", HttpAnswer(500, {}, b"canary-4f1d7c9e2b")),
    ("503", HttpAnswer(503, {"retry-after": "120"}, b"")),
)


def shape_faults(provider: object) -> Iterator[str]:
    """Yield the attributes of a provider that the object lacks, as sentences."""
    slug, name, pace, fields = (
        getattr(provider, attribute, None) for attribute in ("slug", "name", "pace", "credentials")
    )
    if not isinstance(slug, str) or _SLUG.fullmatch(slug) is None:
        yield "slug begins with a lower-case letter; letters, digits and _ follow, at most 63."
    if not isinstance(name, str) or not name.strip():
        yield "name is the provider's name for people."
    if not isinstance(pace, Pace) or pace.every.total_seconds() < 1 or pace.daily_budget < 1:
        yield "pace is a Pace of at least a second and one request a day."
    listed = fields if isinstance(fields, (list, tuple)) else None
    names = {field.name for field in listed or () if isinstance(field, CredentialField)}
    if listed is None or len(names) != len(listed):
        yield "credentials is a list of CredentialField, each with a name of its own."
    if not isinstance(getattr(provider, "uses_browser", None), bool):
        yield "uses_browser is True where the user signs in at the provider's page, else False."
    methods = ("begin", "complete", "fetch")
    if not all(callable(getattr(provider, method, None)) for method in methods):
        yield "begin, complete and fetch are methods."


def faults(provider: Provider) -> Iterator[str]:
    """Yield the provider's faults, as sentences; none where it conforms.

    The credentials and the answers are invented, so that this shows how the provider fails. For
    real answers its author calls ``report_faults`` in a test.
    """
    shapes = list(shape_faults(provider))
    yield from shapes
    if shapes:
        return
    given = {
        field.name: field.official_address or f"{_CANARY}-{field.name}"
        for field in provider.credentials
    }
    for description, answer in _ENVIRONMENTS:
        http = _ScriptedHttp(answer)
        begin = partial(provider.begin, given, RETURN_TO, http, now=NOW)
        complete = partial(provider.complete, given, _PARAMETERS, http, now=NOW)
        # No credentials of a conforming provider are lost if each renewal is stored.
        fetch = partial(
            provider.fetch, given, http, now=NOW, backfill=True, renew=lambda _credentials: None
        )
        check_begun = partial(begin_faults, uses_browser=provider.uses_browser)
        for fault in _call_faults(begin, check_begun):
            yield f"begin, given {description}: {fault}"
        for fault in _call_faults(complete, credential_faults):
            yield f"complete, given {description}: {fault}"
        for fault in _call_faults(fetch, partial(report_faults, now=NOW)):
            yield f"fetch, given {description}: {fault}"


def begin_faults(begun: Redirect | Credentials, *, uses_browser: bool) -> Iterator[str]:
    """Yield the faults of a result of ``begin`` for ``RETURN_TO``, as sentences."""
    if isinstance(begun, Redirect) is not uses_browser:
        yield "it returns a Redirect, or does not, other than uses_browser tells."
    if not isinstance(begun, Redirect):
        yield from credential_faults(begun)
        return
    yield from credential_faults(begun.state)
    address = urlsplit(begun.url)
    if address.scheme != "https" or not address.hostname:
        yield "its sign-in has no address that begins with https://."
    if RETURN_TO.code_verifier in begun.url:
        yield "the address of its sign-in holds the code_verifier, which is secret."


def credential_faults(kept: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults of the credentials that a provider returned, as sentences."""
    if not all(isinstance(text, str) for text in chain(kept, kept.values())):
        yield "it returns credentials that are not text."


def report_faults(report: Report, now: datetime) -> Iterator[str]:
    """Yield the faults of a report that was fetched at ``now``, as sentences."""
    seen: set[tuple[str, str, Currency]] = set()
    if report.credentials is not None:
        yield from credential_faults(report.credentials)
    if report.expires_at is not None and report.expires_at.utcoffset() is None:
        yield "The end of the consent has no zone."
    for account in report.accounts:
        identity = account.identity
        if Currency.of(identity.currency.code) != identity.currency:
            yield "A currency is not one of ISO 4217."
        if account.predecessor == identity.external_id:
            yield "An account is its own predecessor."
        key = (identity.institution_key, identity.external_id, identity.currency)
        if key in seen:
            yield "An account is reported twice: neither can be used."
        seen.add(key)
        if "" in (identity.external_id, identity.name):
            yield "An account has no external_id, or no name."
        if account.current is None and not account.problems:
            yield "An account has no balance, and no problem with the reason."
        yield from _reading_faults(account, now)
    if not all(warning.strip() for warning in report.warnings):
        yield "A warning is a sentence."


def _reading_faults(account: AccountReport, now: datetime) -> Iterator[str]:
    current = account.current
    is_of_instant = current is not None and current.precision is Precision.INSTANT
    if current is not None and is_of_instant and current.captured_at != now:
        yield "A current balance is captured at another instant than now."
    instants = [reading.captured_at for reading in account.history]
    if current is not None and not is_of_instant:
        instants.append(current.captured_at)
    if len(set(instants)) < len(instants):
        yield "A history has two readings for one instant."
    readings = [*account.history, *([account.current] if account.current else [])]
    for reading in readings:
        at = reading.captured_at
        if at.utcoffset() is None or at > now + timedelta(days=1):
            yield "A reading lies in the future, or its instant has no zone."
        rest = (reading.available_balance, reading.holdings_value, reading.cash_value)
        if not _are_amounts(reading.balance, rest):
            yield "A reading holds an invalid amount, or one longer than 20 and 18 digits."
    for position in account.positions or ():
        rest = (position.price, position.market_value, position.cost_basis)
        if not _are_amounts(position.quantity, rest):
            yield "A position holds an invalid amount."


def _are_amounts(required: object, optional: Iterable[object]) -> bool:
    for amount in (required, *(each for each in optional if each is not None)):
        if not isinstance(amount, Decimal) or not amount.is_finite():
            return False
        try:
            if parse_amount(to_digits(amount)) != amount:
                return False
        except InvalidAmount:
            return False
    return True


def _call_faults(call: Callable[[], T], check: Callable[[T], Iterator[str]]) -> Iterator[str]:
    try:
        outcome = call()
    except ProviderError as error:
        if not str(error).strip():
            yield "its error has no text."
        if _CANARY in str(error):
            yield "its error holds a credential."
    except Exception as error:  # noqa: BLE001 - any other error is a fault
        yield f"it raises {type(error).__name__}, which is no ProviderError."
    else:
        yield from check(outcome)


@dataclass(frozen=True, slots=True)
class _ScriptedHttp:
    """An ``Http`` with the same answer for every request."""

    answer: HttpAnswer | None

    def request(self, *_: object, **__: object) -> HttpAnswer:
        if self.answer is None:
            raise ProviderFailed(detail="The provider cannot be reached.")
        return self.answer


def main(arguments: Sequence[str]) -> int:
    """Check the provider ``module:object``; return the exit code."""
    module, _, name = arguments[0].partition(":") if len(arguments) == 1 else ("", "", "")
    if not module or not name:
        sys.stderr.write("Name one provider, as PACKAGE.MODULE:PROVIDER.\n")
        return 2
    provider = getattr(import_module(module), name)
    if is_version_1(provider):
        provider = VersionOne(provider)
        sys.stderr.write("Version 1 of the interface: docs/providers.md shows version 2.\n")
    found = list(faults(provider))
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    sys.stderr.write(f"{module}:{name}: {len(found) or 'no'} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
