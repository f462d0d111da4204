"""Totals over time on the wire: one series per currency, or one per account."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType

from dashtam.application.history import total_history
from dashtam.application.history.total_history import Range
from dashtam.domain.history.total_history import AccountSeries, TotalSeries
from dashtam.domain.period import Calendar, Interval, Period
from dashtam.presentation.http.parameters import (
    END_DATE,
    GROUP_BY,
    INTERVAL,
    MAX_POINTS,
    START_DATE,
    TZ,
    Parameter,
)
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Shape

EVERY: Parameter[Interval] = replace(
    INTERVAL,
    schema={**INTERVAL.schema, "default": Interval.DAY},
    description="How far the points lie apart: at the end of each day, week (ISO 8601, from Monday"
    " on) or month in `tz`.",
    default=Interval.DAY,
)


class TotalPointShape(Shape):
    """What `accounts` held together at an instant; `carried` of them had no new snapshot."""

    at: datetime
    balance: AmountText
    accounts: int
    carried: int


class TotalSeriesShape(Shape):
    """The totals of one currency, oldest first."""

    currency: CurrencyCode
    points: list[TotalPointShape]


class BalancePointShape(Shape):
    """What one account held at an instant."""

    at: datetime
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
    start_date: datetime
    end_date: datetime
    interval: Interval
    tz: str


def get_total_history(context: RequestContext) -> Response:
    """Get total history.

    What all of the user's accounts held together at the end of each interval: one series per
    currency, in alphabetical order. Each account's last balance is carried forward; before its
    first snapshot there is nothing, and nothing from its `closed_at` on. Hidden accounts never
    count.

    `at` is the last instant of an interval, or `end_date` where that is earlier. `carried` says for
    how many of the `accounts` nothing was captured within that very interval and the range. When
    `end_date` is now or later, the last point is the total of `GET /balance-snapshots`, and no
    interval after the present one is told.

    With `group_by=account` there is a series of each account instead, by account name.
    """
    calendar = Calendar(context.value(EVERY), context.value(TZ))
    period = Period(context.value(START_DATE), context.value(END_DATE))
    asked = Range(period, calendar, context.optional(MAX_POINTS))
    answer = TotalHistory(
        start_date=period.start,
        end_date=period.end,
        interval=calendar.interval,
        tz=calendar.zone.key,
    )
    if context.value(GROUP_BY) == "account":
        found = total_history.load_accounts(context.work, context.user_id, asked)
        answer.accounts = [_account_series(series) for series in found]
    else:
        totals = total_history.load_totals(context.work, context.user_id, asked)
        answer.series = [_total_series(series) for series in totals]
    return Response(answer)


def _total_series(series: TotalSeries) -> TotalSeriesShape:
    return TotalSeriesShape(
        currency=series.currency.code,
        points=[
            TotalPointShape(
                at=point.at,
                balance=str(point.balance),
                accounts=point.accounts,
                carried=point.carried,
            )
            for point in series.points
        ],
    )


def _account_series(series: AccountSeries) -> AccountSeriesShape:
    return AccountSeriesShape(
        account_id=series.account_id,
        currency=series.currency.code,
        points=[
            BalancePointShape(at=point.at, balance=str(point.balance)) for point in series.points
        ],
    )
