"""Answers of live providers: parsing, refusals and redaction, the same for all of them.

Numbers in JSON stay text, so that ``parse_amount`` alone decides their value.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from dashtam.application.credentials import hide_secrets
from dashtam.application.provider import (
    CredentialField,
    CredentialsRefused,
    HttpAnswer,
    ProviderFailed,
    ProviderRateLimited,
)
from dashtam.domain.errors import InvalidAmount
from dashtam.domain.money import Currency, parse_amount, to_digits
from dashtam.domain.parsing import UnusableField, clean, require_past
from dashtam.domain.period import Moment
from dashtam.domain.statement import Position, RowError
from dashtam.domain.sync import OutageCode

Record = Mapping[str, object]


class PositionFields(NamedTuple):
    """The names of a position's fields in a provider's answers; empty where there is none."""

    symbol: str
    name: str
    quantity: str
    price: str
    market_value: str
    cost_basis: str


NOT_UNDERSTOOD: Final = "The provider's answer is not one that Dashtam understands."
MAX_POSITIONS: Final = 10_000
LONGEST_WAIT: Final = timedelta(days=7)

_LONGEST_ID: Final = 200
_VISIBLE: Final = 4
# Aggregators read a bank once a day; some banks are silent for a weekend.
_STALE_AFTER: Final = timedelta(days=4)
_TAG = re.compile(r"<[^<>]*>")
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]{1,2}\Z")
_PRINTABLE = re.compile(r"[!-~]([ -~]*[!-~])?")
_TOO_MANY, _UNAVAILABLE = 429, 503


def require_credentials(
    given: Mapping[str, str], fields: Iterable[CredentialField]
) -> dict[str, str]:
    """Return the user's credentials, without the spaces around them.

    Raises:
        CredentialsRefused: one is missing, or has characters that no credential has.
    """
    credentials: dict[str, str] = {}
    for field in fields:
        value = given.get(field.name, "").strip()
        if not value and field.is_optional:
            continue
        if not value:
            raise CredentialsRefused(detail=f"{field.title} is missing.", field=field.name)
        credentials[field.name] = value
        lines = value.splitlines() if field.is_multiline else [value]
        if not all(_PRINTABLE.fullmatch(line) or not line for line in lines):
            detail = f"{field.title} holds characters that no such credential has."
            raise CredentialsRefused(detail, field.name)
    return credentials


def raise_for_status(
    answer: HttpAnswer, name: str, now: datetime, pause: timedelta | None = None
) -> None:
    """Return if the answer is a success, 200 to 299.

    ``pause`` is the wait until the provider's limit ends, where headers of its own tell it.

    Raises:
        CredentialsRefused: 401 and 403.
        ProviderRateLimited: 429, and 503 with a ``Retry-After``.
        ProviderFailed: everything else.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's range of successes
        return
    if status in {401, 403}:
        detail = f"{name} does not accept these credentials: they are wrong, or were withdrawn."
        raise CredentialsRefused(detail)
    later = parse_retry_after(answer, now)
    if status == _TOO_MANY or (status == _UNAVAILABLE and later is not None):
        detail = f"{name} received too many requests, and asks for a pause."
        raise ProviderRateLimited(detail, pause if pause and status == _TOO_MANY else later)
    raise ProviderFailed(detail=f"{name} answered with an error of its own (HTTP status {status}).")


def parse_success(
    answer: HttpAnswer,
    name: str,
    now: datetime,
    pause: timedelta | None = None,
    *,
    has_exponents: bool = False,
) -> object:
    """Return the value of a successful answer: see ``raise_for_status`` and ``parse_json``.

    Raises:
        ProviderError: it is no success, or not JSON.
    """
    raise_for_status(answer, name, now, pause)
    return parse_json(answer, has_exponents=has_exponents)


def parse_retry_after(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """Return the wait of ``Retry-After``, at most a week; None where the header is unusable."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return min(max(at - now, timedelta()), LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None


def parse_json(answer: HttpAnswer, *, has_exponents: bool = False) -> object:
    """Return the body's value, every number as its text.

    ``has_exponents`` where the provider tells amounts as numbers of JSON, which some languages
    write with an exponent: then they are in plain digits.

    Raises:
        ProviderFailed: it is not JSON, or an object has two members of one name.
    """

    def build_record(pairs: list[tuple[str, object]]) -> Record:
        record = dict(pairs)
        if len(record) != len(pairs):
            # Nothing shows which of the two is right.
            raise ValueError
        return record

    try:
        return json.loads(
            answer.body,
            parse_float=_expand_exponent if has_exponents else str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=build_record,
        )
    except (ValueError, RecursionError):
        raise ProviderFailed(NOT_UNDERSTOOD) from None


def _expand_exponent(number: str) -> str:
    """Return the JSON number in plain digits; one too large or small for an amount as it is."""
    if _EXPONENT.search(number) is None:
        return number
    return to_digits(Decimal(number))


def as_record(value: object) -> Record:
    """Return the object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """Return the list; an empty one where it is something else."""
    return value if isinstance(value, list) else []


def as_records(value: object) -> list[Record]:
    """Return the objects of a list."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def get_text(source: Record, name: str) -> str:
    """Return the text or number at this name; empty where there is neither."""
    value = source.get(name)
    return value.strip() if isinstance(value, str) else ""


def is_identifier(text: str) -> bool:
    """Tell whether the text can identify an account."""
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


def parse_amount_field(source: Record, name: str) -> Decimal | None:
    """Return the amount at this name, None where it is absent, null or empty.

    Raises:
        UnusableField: ``invalid_amount``.
    """
    if source.get(name) is None or source[name] == "":
        return None
    try:
        return parse_amount(get_text(source, name))
    except InvalidAmount:
        detail = f"{name} is not an amount of money."
        raise UnusableField(code="invalid_amount", detail=detail) from None


def find_amount(source: Record, name: str, problems: list[RowError]) -> Decimal | None:
    """Return the amount; None where it is absent or, with one more of ``problems``, unusable."""
    try:
        return parse_amount_field(source, name)
    except UnusableField as error:
        problems.append(error.to_row_error())
        return None


def parse_unix_time(seconds: str, now: datetime) -> datetime | None:
    """Return the instant of these Unix seconds, None where it is invalid, or after today."""
    if not re.fullmatch(r"[0-9]{1,12}", seconds) or not int(seconds):
        return None
    try:
        return require_past("", Moment(datetime.fromtimestamp(int(seconds), UTC)), now).at
    except (ValueError, OverflowError, OSError, UnusableField):
        return None


def parse_instant(text: str) -> datetime | None:
    """Return the instant in UTC, which is also the zone of one without; None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_past_instant(text: str, now: datetime) -> datetime | None:
    """Return the instant in UTC; None where it is none, lies before 1900, or after now."""
    at = parse_instant(text)
    try:
        return None if at is None or at > now else require_past("", Moment(at), now).at
    except UnusableField:
        return None


def parse_day(text: str) -> date | None:
    """Return the day with which the text begins, None where it begins with none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def find_staleness(source: str, as_of: datetime | None, now: datetime) -> RowError | None:
    """Return the outage of an account that its source read days ago, None where it did not."""
    if as_of is None or now - as_of <= _STALE_AFTER:
        return None
    detail = (
        f"{source} read this account last on {as_of.date()}, so its balance is not recorded as one"
        " of today. If this lasts, look at the connection there."
    )
    return RowError(None, OutageCode.STALE, detail)


def mask_number(number: str) -> str | None:
    """Return the last four letters or digits of an account's number, None without any."""
    visible = "".join(filter(str.isalnum, number))[-_VISIBLE:]
    return f"••••{visible}" if visible else None


def build_position(
    source: Record, fields: PositionFields, asset_type: str, currency: Currency, as_of: datetime
) -> Position:
    """Return the position of this object.

    Raises:
        UnusableField: ``invalid_amount``, also where there is no quantity.
    """
    quantity = parse_amount_field(source, fields.quantity)
    if quantity is None:
        raise UnusableField(code="invalid_amount", detail=f"{fields.quantity} is missing.")
    symbol, name = (redact(get_text(source, field)) for field in (fields.symbol, fields.name))
    return Position(
        symbol=symbol or name or "unknown",
        name=name or symbol or "Unknown",
        asset_type=asset_type,
        quantity=quantity,
        price=parse_amount_field(source, fields.price),
        market_value=parse_amount_field(source, fields.market_value),
        cost_basis=parse_amount_field(source, fields.cost_basis),
        currency=currency,
        as_of=as_of,
    )


def require_positions(held: object) -> Sequence[object]:
    """Return the list of positions.

    Raises:
        ProviderFailed: it is no list, or one of more than 10,000.
    """
    if not isinstance(held, list) or len(held) > MAX_POSITIONS:
        raise ProviderFailed(NOT_UNDERSTOOD)
    return held


def collect_positions(
    positions: Iterable[Position], problems: list[RowError]
) -> tuple[Position, ...] | None:
    """Return the positions; None, with one more of ``problems``, where one of them is unusable.

    A part of the positions would look like all of them.
    """
    try:
        return tuple(positions)
    except UnusableField as error:
        problems.append(error.to_row_error())
        return None


def split_disputed_days(
    values: Iterable[tuple[date, Decimal]],
) -> tuple[dict[date, Decimal], set[date]]:
    """Return each day's value, oldest first, and the days with several different values."""
    by_day: dict[date, Decimal] = {}
    disputed: set[date] = set()
    for day, value in values:
        if by_day.setdefault(day, value) != value:
            disputed.add(day)
    return {day: by_day[day] for day in sorted(by_day) if day not in disputed}, disputed


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a provider's text as one short line without markup, addresses and these secrets."""
    text = hide_secrets(text, secrets)
    text = _ADDRESS.sub("…", _TAG.sub(" ", text))
    return clean(text.replace("<", " ").replace(">", " "))
