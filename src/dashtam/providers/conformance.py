"""The conformance check: what an author of a provider can hold it against, without any network.

``python -m dashtam.providers.conformance PACKAGE.MODULE:PROVIDER`` prints the faults
that were found, and ends with 1 if there are any. From a test:
``assert not list(conformance.faults(provider))``.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import chain

from dashtam.application.provider import (
    AccountReport,
    CredentialField,
    HttpAnswer,
    Pace,
    Provider,
    ProviderError,
    ProviderFailed,
    Report,
)
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import parse_amount
from dashtam.domain.statement import Position, Reading

NOW = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Nothing that was given may come back in a sentence, wherever the provider echoes it.
_CANARY = "canary-4f1d7c9e2b"
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
    """Yield what the object lacks to be a provider, as sentences."""
    for is_so, sentence in _SHAPE:
        if not is_so(provider):
            yield sentence


def field_errors(provider: Provider) -> Iterator[str]:
    """Yield what is wrong with the provider, as sentences; nothing where it conforms.

    It is called with made-up credentials and answers, so that what is found here is how it fails.
    What it returns for real answers is for ``report_faults``, in a test of its author's.
    """
    shapes = list(shape_faults(provider))
    yield from shapes
    if shapes:
        return
    given = {field.name: f"{_CANARY}-{field.name}" for field in provider.credentials}
    for said, answer in _ENVIRONMENTS:
        for call in (_connect, _fetch):
            for fault in call(provider, given, _Scripted(answer)):
                yield f"{call.__name__.removeprefix('_')}, given {said}: {fault}"


def report_faults(report: Report, now: datetime) -> Iterator[str]:
    """Yield what is wrong with a report that was fetched at ``now``, as sentences."""
    seen: set[tuple[str, str]] = set()
    for account in report.accounts:
        identity = account.identity
        key = (identity.external_id, identity.currency.code)
        if key in seen:
            yield "An account is told of twice: neither can be believed."
        seen.add(key)
        if "" in (identity.external_id, identity.name):
            yield "An account has no external_id, or no name."
        if account.current is None and not account.problems:
            yield "An account has no balance, and no problem that says why."
        yield from _reading_faults(account, now)
    if not all(warning.strip() for warning in report.warnings):
        yield "A warning is a sentence."


@dataclass(frozen=True, slots=True)
class _Scripted:
    """An ``Http`` that always answers the same."""

    answer: HttpAnswer | None

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
    ) -> HttpAnswer:
        del method, url, params, headers, auth, content
        if self.answer is None:
            detail = "The provider cannot be reached."
            raise ProviderFailed(detail)
        return self.answer


def _connect(provider: Provider, given: Mapping[str, str], http: _Scripted) -> Iterator[str]:
    try:
        kept = provider.connect(given, http)
    except ProviderError as error:
        yield from _sentence_faults(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        yield f"it raises {type(error).__name__}, which is no ProviderError."
    else:
        if not all(isinstance(text, str) for text in chain(kept, kept.values())):
            yield "it returns credentials that are not text."


def _fetch(provider: Provider, kept: Mapping[str, str], http: _Scripted) -> Iterator[str]:
    try:
        report = provider.fetch(kept, http, now=NOW, backfill=True)
    except ProviderError as error:
        yield from _sentence_faults(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        yield f"it raises {type(error).__name__}, which is no ProviderError."
    else:
        yield from report_faults(report, NOW)


def _sentence_faults(error: ProviderError) -> Iterator[str]:
    if not str(error).strip():
        yield "its error says nothing."
    if _CANARY in str(error):
        yield "its error holds what was given."


def _reading_faults(account: AccountReport, now: datetime) -> Iterator[str]:
    if account.current is not None and account.current.captured_at != now:
        yield "A current balance is captured at another instant than now."
    history = [reading.captured_at for reading in account.history]
    if len(set(history)) < len(history):
        yield "A history has two readings for one instant."
    readings = [*account.history, *([account.current] if account.current else [])]
    for reading in readings:
        if not _is_past(reading.captured_at, now):
            yield "A reading lies in the future, or its instant knows no zone."
        if not all(map(_is_amount, _amounts(reading))):
            yield "A reading holds an amount that is none, or longer than 20 and 18 digits."
    if not all(map(_is_amount, chain.from_iterable(map(_figures, account.positions or ())))):
        yield "A position holds an amount that is none."


def _is_past(instant: datetime, now: datetime) -> bool:
    return instant.utcoffset() is not None and instant <= now + timedelta(days=1)


def _amounts(reading: Reading) -> Iterable[object]:
    yield reading.balance
    yield from filter(
        lambda amount: amount is not None,
        (reading.available_balance, reading.holdings_value, reading.cash_value),
    )


def _figures(position: Position) -> Iterable[object]:
    yield position.quantity
    yield from filter(
        lambda amount: amount is not None,
        (position.price, position.market_value, position.cost_basis),
    )


def _is_amount(amount: object) -> bool:
    if not isinstance(amount, Decimal) or not amount.is_finite():
        return False
    try:
        return parse_amount(format(amount, "f")) == amount
    except InvalidAmount:
        return False


def _has_slug(provider: object) -> bool:
    slug = getattr(provider, "slug", None)
    return isinstance(slug, str) and _SLUG.fullmatch(slug) is not None


def _has_name(provider: object) -> bool:
    name = getattr(provider, "name", None)
    return isinstance(name, str) and bool(name.strip())


def _has_pace(provider: object) -> bool:
    pace = getattr(provider, "pace", None)
    return isinstance(pace, Pace) and pace.every.total_seconds() >= 1 and pace.daily_budget >= 1


def _has_credentials(provider: object) -> bool:
    fields = getattr(provider, "credentials", None)
    if not isinstance(fields, (list, tuple)):
        return False
    names = [field.name for field in fields if isinstance(field, CredentialField)]
    return len(set(names)) == len(fields)


def _has_methods(provider: object) -> bool:
    return all(callable(getattr(provider, name, None)) for name in ("connect", "fetch"))


_SHAPE: Sequence[tuple[Callable[[object], bool], str]] = (
    (_has_slug, "slug begins with a lower-case letter; letters, digits and _ follow, at most 63."),
    (_has_name, "name is what people call the provider."),
    (_has_pace, "pace is a Pace of at least a second and one request a day."),
    (_has_credentials, "credentials is a list of CredentialField, each with a name of its own."),
    (_has_methods, "connect and fetch are methods."),
)


def main(arguments: Sequence[str]) -> int:
    """Check the provider that is named as ``module:object``; return the exit code."""
    module, _, name = arguments[0].partition(":") if len(arguments) == 1 else ("", "", "")
    if not module or not name:
        sys.stderr.write("Name one provider, as PACKAGE.MODULE:PROVIDER.\n")
        return 2
    found = list(field_errors(getattr(import_module(module), name)))
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    sys.stderr.write(f"{module}:{name}: {len(found) or 'no'} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
