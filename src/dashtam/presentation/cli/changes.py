"""Changes over a range, in words and cells."""

from datetime import date
from decimal import Decimal
from typing import Final

from dashtam.domain.history.range_change import CoverageKind, PercentReason
from dashtam.domain.history.total_history import AccountSeries

_REASONS: Final = {
    PercentReason.NO_OPENING: "several accounts begin in this range",
    PercentReason.ZERO_OPENING: "it begins at zero",
    PercentReason.TINY_OPENING: "it begins close to zero",
    PercentReason.CROSSES_ZERO: "it crosses zero",
    PercentReason.MOSTLY_ADDED: "most of it is of accounts that begin in this range",
}


def signed(amount: str | None) -> str:
    """Return the amount with its sign, nothing for none."""
    return "" if amount is None else f"+{amount}" if Decimal(amount) > 0 else amount


def percent_text(percent: float | None) -> str:
    """Return the percent with its sign and two decimals, nothing for none."""
    return "" if percent is None else f"{percent:+.2f}"


def no_percent_text(reason: PercentReason | None) -> str:
    """Return why a change has no percent, nothing where it has one."""
    return "" if reason is None else f"no percent: {_REASONS[reason]}"


def account_change_text(series: AccountSeries, start_on: date) -> str:
    """Return the balances at both ends of the range, and the change between them.

    ``start_on`` is the first day of the range: the balance that stood then is the first one.
    """
    change = series.change
    start = change.added if change.opening is None else change.opening
    end = -change.closed if change.closing is None else change.closing
    parts = [f"{start} to {end} {series.currency.code}, change {signed(str(change.change))}"]
    if change.percent_reason is None:
        parts.append(f" ({percent_text(change.percent)}%)")
    else:
        parts.append(f" ({no_percent_text(change.percent_reason)})")
    if change.opening is not None:
        parts.append(f" since {start_on.isoformat()}")
    for event in series.coverage_events:
        words = " since" if event.kind is CoverageKind.BEGINS else ", closed on"
        parts.append(f"{words} {event.at.date().isoformat()}")
    return "".join(parts)
