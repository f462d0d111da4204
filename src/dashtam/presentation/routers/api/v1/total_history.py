"""Totals over time on the wire: one series per currency, or one per account."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from dashtam.application.history import total_history
from dashtam.application.history.total_history import Range
from dashtam.domain.history.range_change import (
    CoverageEvent,
    CoverageKind,
    PercentReason,
    RangeChange,
)
from dashtam.domain.history.total_history import AccountSeries, TotalSeries
from dashtam.domain.money import amount_text
from dashtam.domain.period import Calendar, Interval, Period
from dashtam.presentation.http.parameters import (
    END_DATE,
    GROUP_BY,
    INTERVAL,
    MAX_POINTS,
    ONLY_ACCOUNT,
    START_DATE,
    GroupBy,
    Parameter,
)
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Instant, Shape, SumText
from dashtam.presentation.schemas.snapshots import Percent

EVERY: Parameter[Interval] = replace(
    INTERVAL,
    schema={**INTERVAL.schema, "default": Interval.DAY},
    description="A point at the end of each day, week (ISO 8601, from Monday on) or month in `tz`.",
    default=Interval.DAY,
)


class RangeChangeShape(Shape):
    """The change over the range: opening + change + added + closed = closing, null as zero.

    `change_amount` adds up the accounts' own changes, each from the balance that is carried into
    the range, or from its first balance within it. `added_amount` is the sum of those first
    balances, `closed_amount` that of the last balances of accounts that were closed, negated.
    """

    opening: SumText | None
    closing: SumText | None
    change_amount: SumText
    change_percent: Percent | None
    change_percent_reason: (
        Annotated[PercentReason, Meta(description="Why there is no percent; null with one.")] | None
    )
    added_amount: SumText
    added_accounts: int
    closed_amount: SumText
    closed_accounts: int


class CoverageEventShape(Shape):
    """An account that begins with its first balance, or ends with its last."""

    at: Instant
    account_id: UUID
    kind: CoverageKind
    balance: AmountText


class TotalPointShape(Shape):
    """The total of `accounts` at an instant.

    `carried` of them had no new snapshot; `missing` others were first observed later.
    """

    at: Instant
    balance: AmountText
    accounts: int
    carried: int
    missing: int


class TotalSeriesShape(Shape):
    """The totals of one currency, oldest first, and their change over the range."""

    currency: CurrencyCode
    points: list[TotalPointShape]
    change: RangeChangeShape
    coverage_events: list[CoverageEventShape]


class BalancePointShape(Shape):
    """The balance of one account at an instant."""

    at: Instant
    balance: AmountText


class AccountSeriesShape(Shape):
    """The balances of one account, oldest first, and their change over the range."""

    account_id: UUID
    currency: CurrencyCode
    points: list[BalancePointShape]
    change: RangeChangeShape
    coverage_events: list[CoverageEventShape]


class TotalHistory(Shape, kw_only=True):
    """Balances at the end of each interval: `series`, or `accounts` with `group_by=account`."""

    series: list[TotalSeriesShape] | UnsetType = UNSET
    accounts: list[AccountSeriesShape] | UnsetType = UNSET
    start_date: Instant
    end_date: Instant
    interval: Interval
    tz: str

    example: ClassVar = {
        "series": [
            {
                "currency": "USD",
                "points": [
                    {
                        "at": "2025-12-25T22:59:59.999999Z",
                        "balance": "24500.00",
                        "accounts": 1,
                        "carried": 1,
                        "missing": 1,
                    },
                    {
                        "at": "2025-12-26T22:59:59.999999Z",
                        "balance": "65000.00",
                        "accounts": 2,
                        "carried": 0,
                        "missing": 0,
                    },
                ],
                "change": {
                    "opening": "24500.00",
                    "closing": "65000.00",
                    "change_amount": "500.00",
                    "change_percent": 2.04,
                    "change_percent_reason": None,
                    "added_amount": "40000.00",
                    "added_accounts": 1,
                    "closed_amount": "0.00",
                    "closed_accounts": 0,
                },
                "coverage_events": [
                    {
                        "at": examples.CAPTURED_AT,
                        "account_id": examples.ACCOUNT_ID,
                        "kind": "begins",
                        "balance": "40000.00",
                    }
                ],
            }
        ],
        "start_date": "2025-12-25T00:00:00Z",
        "end_date": "2025-12-26T22:59:59.999999Z",
        "interval": "day",
        "tz": "Europe/Berlin",
    }


def get_total_history(context: RequestContext) -> Response[TotalHistory]:
    """Get total history.

    The total of all the user's accounts at the end of each interval: one series per currency, in
    alphabetical order. Each account's last balance is carried forward. An account does not count
    before its first snapshot, nor from its `closed_at` on. Hidden accounts never count.

    `at` is the last instant of an interval, or `end_date` where that is earlier. `carried` is the
    number of the `accounts` without a snapshot in both that interval and the range. When
    `end_date` is now or later, the last point is the total of `GET /balance-snapshots`, and the
    present interval is the last one.

    `change` tells the accounts' own changes apart from accounts that begin or are closed within the
    range. `coverage_events` lists these.

    With `group_by=account` there is a series of each account instead, by account name.
    """
    calendar = Calendar(context.value(EVERY), context.zone)
    period = Period(context.value(START_DATE), context.value(END_DATE))
    account_id = context.optional(ONLY_ACCOUNT)
    requested = Range(period, calendar, context.optional(MAX_POINTS), account_id)
    history = TotalHistory(
        start_date=period.start,
        end_date=period.end,
        interval=calendar.interval,
        tz=calendar.zone.key,
    )
    if context.value(GROUP_BY) is GroupBy.ACCOUNT:
        history.accounts = [
            account_series_shape(series)
            for series in total_history.load_accounts(
                context.known_work, context.user_id, requested
            )
        ]
    else:
        history.series = [
            total_series_shape(series)
            for series in total_history.load_totals(context.known_work, context.user_id, requested)
        ]
    return Response(history)


def total_series_shape(series: TotalSeries) -> TotalSeriesShape:
    """Return the totals of one currency as they are sent."""
    return TotalSeriesShape(
        series.currency.code,
        [
            TotalPointShape(
                point.at, str(point.balance), point.accounts, point.carried, point.missing
            )
            for point in series.points
        ],
        range_change_shape(series.change),
        _event_shapes(series.coverage_events),
    )


def account_series_shape(series: AccountSeries) -> AccountSeriesShape:
    """Return the balances of one account as they are sent."""
    return AccountSeriesShape(
        series.account_id,
        series.currency.code,
        [BalancePointShape(point.at, str(point.balance)) for point in series.points],
        range_change_shape(series.change),
        _event_shapes(series.coverage_events),
    )


def range_change_shape(change: RangeChange) -> RangeChangeShape:
    """Return a change as it is sent."""
    return RangeChangeShape(
        opening=amount_text(change.opening),
        closing=amount_text(change.closing),
        change_amount=str(change.change),
        change_percent=change.percent,
        change_percent_reason=change.percent_reason,
        added_amount=str(change.added),
        added_accounts=change.added_accounts,
        closed_amount=str(change.closed),
        closed_accounts=change.closed_accounts,
    )


def _event_shapes(events: Sequence[CoverageEvent]) -> list[CoverageEventShape]:
    return [
        CoverageEventShape(event.at, event.account_id, event.kind, str(event.balance))
        for event in events
    ]
