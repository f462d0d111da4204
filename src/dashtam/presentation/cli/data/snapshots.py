"""``dashtam balances``, ``dashtam history`` and ``dashtam snapshots``."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from dashtam.application.history import accounts, balance_snapshots, total_history
from dashtam.application.history.known_at import as_known_at
from dashtam.application.history.total_history import Range
from dashtam.application.people import users
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_history import BalanceHistory
from dashtam.domain.history.range_change import RangeChange
from dashtam.domain.money import Currency, amount_text
from dashtam.domain.period import MAX_INSTANT, MIN_INSTANT, Calendar, Interval, Period
from dashtam.domain.sync import SnapshotSource
from dashtam.domain.user import User
from dashtam.presentation.cli.changes import (
    account_change_text,
    no_percent_text,
    percent_text,
    signed,
)
from dashtam.presentation.cli.context import Command, CommandContext, with_context
from dashtam.presentation.cli.origin import origin_text
from dashtam.presentation.cli.parameters import KNOWN_AT, SOURCE, instant_param
from dashtam.presentation.cli.resolve import list_all, resolve_account, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, captured_text, count_text, table
from dashtam.presentation.http.instants import END_OF_DAY, START_OF_DAY
from dashtam.presentation.routers.api.v1.total_history import (
    account_series_shape,
    total_series_shape,
)
from dashtam.presentation.schemas.snapshots import (
    Snapshot,
    SnapshotHistory,
    history_shape,
    latest_shape,
)

_NUMBERS: Final = "BALANCE CHANGE %"
_SOURCE_HELP: Final = "Only snapshots captured in this way."


@click.command(cls=Command)
@click.option("--hidden", is_flag=True, help="Hidden accounts too.")
@click.option("--closed", is_flag=True, help="Closed accounts too.")
@click.option(
    "--from",
    "start",
    type=instant_param(START_OF_DAY),
    help="The changes since then, apart from accounts that were added or closed.",
)
@KNOWN_AT
@with_context
def balances(
    context: CommandContext,
    *,
    hidden: bool,
    closed: bool,
    start: datetime | None,
    known_at: datetime | None,
) -> None:
    """Show the latest balance of each account, and the totals by currency."""
    if start is not None:
        if hidden or closed:
            detail = "--from shows the accounts that count: leave --hidden and --closed out."
            raise click.UsageError(detail)
        _answer_changes(context, start, known_at)
        return
    include = {name for name, wanted in (("hidden", hidden), ("closed", closed)) if wanted}
    with context.database.read() as work:
        user = resolve_user(context, work)
        past = as_known_at(work, known_at)
        found = balance_snapshots.load_latest(past, user.id, include)
        owned = list_all(past, user, accounts.list_for_user)
    names = {one.account.id: one.account.name for one in owned}
    latest = latest_shape(found)
    rows = [
        (names[changed.snapshot.account_id], *_change_cells(one), captured_text(changed.snapshot))
        for one, changed in zip(latest.snapshots, found.snapshots, strict=True)
    ]
    totals = latest.total_balance_by_currency.items()
    rows += [("Total", total, code, "", "", "") for code, total in totals]
    headings = ("ACCOUNT", "BALANCE", "", "CHANGE", "%", "AS OF")
    answer_table(context, latest, headings, rows, numbers=_NUMBERS)


def _answer_changes(context: CommandContext, start: datetime, known_at: datetime | None) -> None:
    """Write the change of each account since an instant, and of the totals by currency."""
    with context.database.read() as work:
        user = resolve_user(context, work)
        past = as_known_at(work, known_at)
        requested = _range_of(user, Period(start, MAX_INSTANT))
        own = total_history.load_accounts(past, user.id, requested)
        totals = total_history.load_totals(past, user.id, requested)
        owned = list_all(past, user, accounts.list_for_user)
    names = {one.account.id: one.account.name for one in owned}
    rows = [_range_cells(names[one.account_id], one.currency, one.change) for one in own]
    for total in totals:
        change, code = total.change, total.currency.code
        rows.append(_range_cells("Total", total.currency, change))
        if change.added_accounts:
            count = count_text(change.added_accounts, "account")
            rows.append(("Added", "", code, signed(str(change.added)), "", count))
        if change.closed_accounts:
            count = count_text(change.closed_accounts, "account")
            rows.append(("Closed", "", code, signed(str(change.closed)), "", count))
    shapes = [account_series_shape(one) for one in own]
    total_shapes = [total_series_shape(one) for one in totals]
    headings = ("ACCOUNT", "BALANCE", "", "CHANGE", "%", "NOTE")
    answer_table(
        context, {"accounts": shapes, "series": total_shapes}, headings, rows, numbers=_NUMBERS
    )


def _range_cells(name: str, currency: Currency, change: RangeChange) -> tuple[str, ...]:
    balance = amount_text(change.closing) or "-"
    percent, note = percent_text(change.percent), no_percent_text(change.percent_reason)
    return name, balance, currency.code, signed(str(change.change)), percent, note


def _range_of(user: User, period: Period, account_id: AccountId | None = None) -> Range:
    # The change is the same by every interval, and months are the fewest points.
    return Range(period, Calendar(Interval.MONTH, user.zone), account_id=account_id)


@click.command(cls=Command)
@click.argument("account")
@click.option(
    "--from", "start", type=instant_param(START_OF_DAY), default=MIN_INSTANT, help="From then on."
)
@click.option(
    "--to", "end", type=instant_param(END_OF_DAY), default=MAX_INSTANT, help="Up to then, included."
)
@click.option("--source", type=SOURCE, help=_SOURCE_HELP)
@KNOWN_AT
@with_context
def history(
    context: CommandContext,
    /,
    account: str,
    start: datetime,
    end: datetime,
    source: str | None,
    known_at: datetime | None,
) -> None:
    """Show the history of an account's balance.

    A table, oldest first, and a chart. ACCOUNT is an id or the beginning of a name. Each change
    compares to the line before. The last line has the change over the whole range, from the balance
    that stood when it began.
    """
    period = Period(start, end)
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        past = as_known_at(work, known_at)
        found = balance_snapshots.load_history(past, mine.user_id, mine.id, period, _source(source))
        origins = _origins(work, mine, found)
        # The sources of a carried balance are not those of the rows.
        change = None if source else _change_text(past, mine, period)
    has_chart = sys.stdout.isatty()
    _answer_history(context, mine.name, found, origins, change=change, has_chart=has_chart)


@click.command(cls=Command)
@click.argument("account")
@click.option("--limit", type=click.IntRange(1, 100), default=30, show_default=True)
@click.option("--source", type=SOURCE, help=_SOURCE_HELP)
@KNOWN_AT
@with_context
def snapshots(
    context: CommandContext,
    account: str,
    limit: int,
    source: str | None,
    known_at: datetime | None,
) -> None:
    """Show the most recent snapshots of an account.

    Newest first. ACCOUNT is an id or the beginning of a name.
    """
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        past = as_known_at(work, known_at)
        found = balance_snapshots.load_recent(past, mine.user_id, mine.id, limit, _source(source))
        origins = _origins(work, mine, found)
    _answer_history(context, mine.name, found, origins)


def _source(text: str | None) -> SnapshotSource | None:
    return None if text is None else SnapshotSource(text)


def _origins(work: UnitOfWork, account: Account, found: BalanceHistory) -> Sequence[str]:
    connection = work.connections.get(account.connection_id)
    return [origin_text(changed.snapshot, connection) for changed in found.snapshots]


def _change_text(work: UnitOfWork, account: Account, period: Period) -> str | None:
    """Return the change over the period, None where no balance stood in it."""
    requested = _range_of(users.load(work, account.user_id), period, account.id)
    found = total_history.load_accounts(work, account.user_id, requested)
    return account_change_text(found[0]) if found else None


def _answer_history(
    context: CommandContext,
    name: str,
    found: BalanceHistory,
    origins: Sequence[str],
    *,
    change: str | None = None,
    has_chart: bool = False,
) -> None:
    history = history_shape(found)
    times = [captured_text(changed.snapshot) for changed in found.snapshots]
    ends = list(zip(times, origins, strict=True))

    def text() -> str:
        summary = change or _summary(history)
        count = count_text(len(ends), "snapshot") if ends else "no snapshots"
        # The summary comes last: a long table scrolls away.
        last = f"{name}: {count}{', ' if summary else '.'}{summary}"
        return "\n\n".join([*_history_parts(history, ends, has_chart=has_chart), last])

    answer(context, history, text)


def _history_parts(
    history: SnapshotHistory, ends: Sequence[tuple[str, str]], *, has_chart: bool
) -> list[str]:
    """Return the table and the chart; ``ends`` are the first and the last cell of each row."""
    if not history.snapshots:
        return []
    rows = [
        (time, *_change_cells(one), origin)
        for (time, origin), one in zip(ends, history.snapshots, strict=True)
    ]
    headings = ("CAPTURED", "BALANCE", "", "CHANGE", "%", "ORIGIN")
    parts = [table(headings, rows, numbers=_NUMBERS)]
    if has_chart:
        # Loading it takes longer than the rest of the command, and programs read no chart.
        from dashtam.presentation.cli.chart import chart  # noqa: PLC0415 - see above

        parts.append(chart(history.snapshots))
    return [part for part in parts if part]


def _summary(history: SnapshotHistory) -> str:
    """Return the change between the snapshots that are shown, nothing without any."""
    if not history.snapshots:
        return ""
    change = signed(history.total_change_amount) or "unknown"
    percent = percent_text(history.total_change_percent)
    balances = f"{history.start_balance} to {history.end_balance} {history.currency}"
    return f"{balances}, change {change}" + (f" ({percent}%)" if percent else "")


def _change_cells(snapshot: Snapshot) -> tuple[str, str, str, str]:
    change, percent = signed(snapshot.change_amount), percent_text(snapshot.change_percent)
    return snapshot.balance, snapshot.currency, change, percent
