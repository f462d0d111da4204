"""Totals over time on the wire: one series per currency, or one per account."""

from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from msgspec import UNSET, UnsetType

from dashtam.application.history import total_history
from dashtam.application.history.total_history import Range
from dashtam.domain.period import Calendar, Interval, Period
from dashtam.presentation.http.parameters import (
    END_DATE,
    GROUP_BY,
    INTERVAL,
    MAX_POINTS,
    START_DATE,
    GroupBy,
    Parameter,
)
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Instant, Shape

EVERY: Parameter[Interval] = replace(
    INTERVAL,
    schema={**INTERVAL.schema, "default": Interval.DAY},
    description="A point at the end of each day, week (ISO 8601, from Monday on) or month in `tz`.",
    default=Interval.DAY,
)


class TotalPointShape(Shape):
    """The total of `accounts` at an instant; `carried` of them had no new snapshot."""

    at: Instant
    balance: AmountText
    accounts: int
    carried: int


class TotalSeriesShape(Shape):
    """The totals of one currency, oldest first."""

    currency: CurrencyCode
    points: list[TotalPointShape]


class BalancePointShape(Shape):
    """The balance of one account at an instant."""

    at: Instant
    balance: AmountText


class AccountSeriesShape(Shape):
    """The balances of one account, oldest first."""

    account_id: UUID
    currency: CurrencyCode
    points: list[BalancePointShape]


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
                    },
                    {
                        "at": "2025-12-26T22:59:59.999999Z",
                        "balance": "25000.00",
                        "accounts": 1,
                        "carried": 0,
                    },
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

    With `group_by=account` there is a series of each account instead, by account name.
    """
    calendar = Calendar(context.value(EVERY), context.zone)
    period = Period(context.value(START_DATE), context.value(END_DATE))
    requested = Range(period, calendar, context.optional(MAX_POINTS))
    history = TotalHistory(
        start_date=period.start,
        end_date=period.end,
        interval=calendar.interval,
        tz=calendar.zone.key,
    )
    if context.value(GROUP_BY) is GroupBy.ACCOUNT:
        history.accounts = [
            AccountSeriesShape(
                series.account_id,
                series.currency.code,
                [BalancePointShape(point.at, str(point.balance)) for point in series.points],
            )
            for series in total_history.load_accounts(
                context.known_work, context.user_id, requested
            )
        ]
    else:
        history.series = [
            TotalSeriesShape(
                series.currency.code,
                [
                    TotalPointShape(point.at, str(point.balance), point.accounts, point.carried)
                    for point in series.points
                ],
            )
            for series in total_history.load_totals(context.known_work, context.user_id, requested)
        ]
    return Response(history)
