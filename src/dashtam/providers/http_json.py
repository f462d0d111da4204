"""Answers of live providers: how they are read, refused and shown, the same for all of them.

Numbers in JSON stay the text that stood there: our own reader of money decides what they are.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Final, NoReturn
from urllib.parse import quote

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    HttpAnswer,
    ProviderFailed,
    ProviderRateLimited,
)
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import EXACT, Currency, parse_amount
from dashtam.domain.parsing import Unusable, check_instant, clean
from dashtam.domain.statement import Position, RowError

Record = dict[str, object]

MAX_ACCOUNTS: Final = 10_000
MAX_POSITIONS: Final = 10_000
LONGEST_WAIT: Final = timedelta(days=7)

_LONGEST_ID: Final = 200
_LEAST_SECRET: Final = 4
_NOT_UNDERSTOOD = "The provider's answer is not one that Dashtam understands."
_TAG = re.compile(r"<[^<>]*>")
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")
_PRINTABLE = re.compile(r"[!-~]([ -~]*[!-~])?")
_TOO_MANY, _UNAVAILABLE = 429, 503


def raise_for_status(answer: HttpAnswer, name: str, now: datetime) -> None:
    """Return if the answer is a success, 200 to 299.

    Raises:
        CredentialsRefused: 401 and 403.
        ProviderRateLimited: 429, and 503 that says when to come back.
        ProviderFailed: everything else.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls a success
        return
    if status in {401, 403}:
        detail = f"{name} does not take these credentials: they are wrong, or were withdrawn."
        raise CredentialsRefused(detail)
    later = retry_after(answer, now)
    if status == _TOO_MANY or (status == _UNAVAILABLE and later is not None):
        detail = f"{name} has been asked too often, and wants to be asked later."
        raise ProviderRateLimited(detail, later)
    detail = f"{name} answered with an error of its own (HTTP status {status})."
    raise ProviderFailed(detail)


def retry_after(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """Return what ``Retry-After`` asks for, at most a week; None where it says nothing usable."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return min(max(at - now, timedelta()), LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None


def json_of(answer: HttpAnswer) -> object:
    """Return the body's value, every number as its text.

    Raises:
        ProviderFailed: it is not JSON, or names something twice.
    """
    try:
        return json.loads(
            answer.body,
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=_record,
        )
    except (ValueError, RecursionError):
        raise ProviderFailed(_NOT_UNDERSTOOD) from None


def _record(pairs: list[tuple[str, object]]) -> Record:
    record = dict(pairs)
    if len(record) != len(pairs):
        # Which of the two is meant cannot be known.
        raise ValueError
    return record


def not_understood() -> NoReturn:
    """Refuse an answer of another shape than the provider's."""
    raise ProviderFailed(_NOT_UNDERSTOOD)


def record(value: object) -> Record:
    """Return the object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Record]:
    """Return the objects of a list, and of anything else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(source: Mapping[str, object], name: str) -> str:
    """Return the text or number at this name; empty where there is neither."""
    value = source.get(name)
    return value.strip() if isinstance(value, str) else ""


def is_identifier(said: str) -> bool:
    """Tell whether an account can be known by this."""
    return 0 < len(said) <= _LONGEST_ID and said.isprintable()


def optional_amount(field: str, source: Mapping[str, object], name: str) -> Decimal | None:
    """Return the amount at this name, None where it is absent, null or empty.

    Raises:
        Unusable: ``invalid_amount``.
    """
    if source.get(name) is None or source[name] == "":
        return None
    try:
        return parse_amount(text(source, name))
    except InvalidAmount:
        detail = f"{field} is not an amount of money."
        raise Unusable(code="invalid_amount", detail=detail) from None


def told_amount(
    field: str, source: Mapping[str, object], name: str, problems: list[RowError]
) -> Decimal | None:
    """Return the amount, None where it is absent or, with a problem more, not usable."""
    try:
        return optional_amount(field, source, name)
    except Unusable as unusable:
        problems.append(unusable.problem())
        return None


def instant(seconds: str, now: datetime) -> datetime | None:
    """Return the instant of these Unix seconds, None where it is none, or after today."""
    if not re.fullmatch(r"[0-9]{1,12}", seconds) or not int(seconds):
        return None
    try:
        return check_instant("", datetime.fromtimestamp(int(seconds), UTC), now)
    except (ValueError, OverflowError, OSError, Unusable):
        return None


def value_of(positions: Sequence[Position] | None, currency: Currency) -> Decimal | None:
    """Return what the positions are worth together, None where that cannot be known."""
    total = Decimal()
    for position in positions or ():
        if position.market_value is None or position.currency != currency:
            return None
        total = EXACT.add(total, position.market_value)
    # The sum of bounded amounts may be longer than an amount.
    return _bounded(total) if positions else None


def _bounded(amount: Decimal) -> Decimal | None:
    try:
        return parse_amount(format(amount, "f"))
    except InvalidAmount:
        return None


def harmless(said: str, secrets: Iterable[str] = ()) -> str:
    """Return what a provider said as one short line: no markup, no address, none of the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            for spelling in (secret, quote(secret, safe=""), b64encode(secret.encode()).decode()):
                said = said.replace(spelling, "…")
    said = _ADDRESS.sub("…", _TAG.sub(" ", said))
    return clean(said.replace("<", " ").replace(">", " "))


def named(said: str, otherwise: str) -> str:
    """Return a name fit to be shown."""
    return harmless(said) or otherwise


def credential(given: Mapping[str, str], name: str, title: str) -> str:
    """Return what the user gave, without the spaces around it.

    Raises:
        CredentialsRefused: it is missing, or holds what no credential does.
    """
    value = given.get(name, "").strip()
    if not value:
        detail = f"{title} is missing."
        raise CredentialsRefused(detail)
    if _PRINTABLE.fullmatch(value) is None:
        detail = f"{title} holds characters that no such credential has."
        raise CredentialsRefused(detail)
    return value


def distinct(reports: Iterable[AccountReport]) -> list[AccountReport]:
    """Return one report an account: where two tell different things of it, neither is believed.

    Raises:
        ProviderFailed: there are more accounts than anybody has.
    """
    found: dict[tuple[str, str], AccountReport] = {}
    for report in reports:
        key = (report.identity.external_id, report.identity.currency.code)
        known = found.setdefault(key, report)
        if known != report:
            found[key] = _disputed(known)
        if len(found) > MAX_ACCOUNTS:
            detail = f"The provider tells of more than {MAX_ACCOUNTS} accounts."
            raise ProviderFailed(detail)
    return list(found.values())


def _disputed(report: AccountReport) -> AccountReport:
    problem = RowError(
        None,
        "duplicate_account",
        "The provider tells of this account twice, and not the same: neither was used.",
    )
    return replace(report, current=None, history=(), positions=None, problems=(problem,))


def in_turn(*parts: Iterable[str]) -> Iterator[str]:
    """Yield the sentences of every part, each once, and none that is empty."""
    yield from dict.fromkeys(sentence for sentence in chain(*parts) if sentence)
