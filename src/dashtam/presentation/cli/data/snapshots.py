"""``dashtam balances``, ``dashtam history`` and ``dashtam snapshots``."""

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

import click
from msgspec import UNSET

from dashtam.application.history import accounts, balance_snapshots, total_history
from dashtam.application.history.known_at import as_known_at
from dashtam.application.history.total_history import Range
from dashtam.application.people import users
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_history import BalanceHistory
from dashtam.domain.history.balance_snapshot import SnapshotId
from dashtam.domain.history.evidence import Amendments, Exclusion
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
from dashtam.presentation.cli.origin import amendment_text, origin_text
from dashtam.presentation.cli.parameters import KNOWN_AT, SOURCE, ParsedParam, instant_param
from dashtam.presentation.cli.resolve import list_all, resolve_account, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, captured_text, count_text, table
from dashtam.presentation.http.instants import END_OF_DAY, START_OF_DAY
from dashtam.presentation.http.parameters import parse_excluded
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
_EVIDENCE: Final = click.option(
    "--evidence", is_flag=True, help="Their ids, and their corrections, retractions and holds."
)
_INCLUDE: Final = click.option(
    "--include",
    "excluded",
    type=ParsedParam("reasons", parse_excluded),
    help="With those that do not count: superseded, retracted, held, with commas between them.",
)


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
@_EVIDENCE
@_INCLUDE
@with_context
def history(
    context: CommandContext,
    /,
    account: str,
    start: datetime,
    end: datetime,
    source: str | None,
    known_at: datetime | None,
    **shown: Any,  # noqa: ANN401 - options of _add_evidence
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
        found, amendments = _add_evidence(past, mine, found, (period, _source(source)), **shown)
        origins = _origins(work, mine, found)
        # The sources of a carried balance are not those of the rows.
        change = None if source else _change_text(past, mine, period)
    # Snapshots that do not count are no points of the line.
    has_chart = sys.stdout.isatty() and shown["excluded"] is None
    _answer_history(
        context,
        mine.name,
        history_shape(found, amendments),
        _ends(found, origins),
        change=change,
        has_chart=has_chart,
    )


@click.command(cls=Command)
@click.argument("account")
@click.option("--limit", type=click.IntRange(1, 100), default=30, show_default=True)
@click.option("--source", type=SOURCE, help=_SOURCE_HELP)
@KNOWN_AT
@_EVIDENCE
@_INCLUDE
@with_context
def snapshots(
    context: CommandContext,
    /,
    account: str,
    limit: int,
    source: str | None,
    known_at: datetime | None,
    **shown: Any,  # noqa: ANN401 - options of _add_evidence
) -> None:
    """Show the most recent snapshots of an account.

    Newest first. ACCOUNT is an id or the beginning of a name. `dashtam snapshot` corrects one, or
    takes it back.
    """
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        past = as_known_at(work, known_at)
        found = balance_snapshots.load_recent(past, mine.user_id, mine.id, limit, _source(source))
        found, amendments = _add_evidence(past, mine, found, (limit, _source(source)), **shown)
        origins = _origins(work, mine, found)
    shape = history_shape(found, amendments)
    _answer_history(context, mine.name, shape, _ends(found, origins))


def _source(text: str | None) -> SnapshotSource | None:
    return None if text is None else SnapshotSource(text)


def _add_evidence(
    work: UnitOfWork,
    account: Account,
    found: BalanceHistory,
    view: tuple[Period | int, SnapshotSource | None],
    *,
    evidence: bool,
    excluded: AbstractSet[Exclusion] | None,
) -> tuple[BalanceHistory, Mapping[SnapshotId, Amendments] | None]:
    """Return the history as it is shown, with its amendments if evidence is."""
    if excluded is not None:
        bounds, source = view
        return balance_snapshots.add_excluded(
            work, account.id, found, excluded, source, view=bounds
        )
    return found, balance_snapshots.load_amendments(work, found.snapshots) if evidence else None


def _origins(work: UnitOfWork, account: Account, found: BalanceHistory) -> Sequence[str]:
    connection = work.connections.get(account.connection_id)
    return [origin_text(changed.snapshot, connection) for changed in found.snapshots]


def _change_text(work: UnitOfWork, account: Account, period: Period) -> str | None:
    """Return the change over the period, None where no balance stood in it."""
    requested = _range_of(users.load(work, account.user_id), period, account.id)
    found = total_history.load_accounts(work, account.user_id, requested)
    return account_change_text(found[0], period.start.date()) if found else None


def _ends(found: BalanceHistory, origins: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Return the time and the origin of each snapshot."""
    times = [captured_text(changed.snapshot) for changed in found.snapshots]
    return list(zip(times, origins, strict=True))


def _answer_history(
    context: CommandContext,
    name: str,
    history: SnapshotHistory,
    ends: Sequence[tuple[str, str]],
    *,
    change: str | None = None,
    has_chart: bool = False,
) -> None:
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
    """Return the table and the chart; ``ends`` are the time and the origin of each row."""
    if not history.snapshots:
        return []
    rows: list[tuple[object, ...]] = [
        (time, *_change_cells(one), origin, *_evidence_cells(one))
        for (time, origin), one in zip(ends, history.snapshots, strict=True)
    ]
    headings = ["CAPTURED", "BALANCE", "", "CHANGE", "%", "ORIGIN"]
    if len(rows[0]) > len(headings):
        headings += ["NOTE", "ID"]
    parts = [table(headings, rows, numbers=_NUMBERS)]
    if has_chart:
        # Loading it takes longer than the rest of the command, and programs read no chart.
        from dashtam.presentation.cli.chart import chart  # noqa: PLC0415 - see above

        parts.append(chart(history.snapshots))
    return [part for part in parts if part]


def _summary(history: SnapshotHistory) -> str:
    """Return the change between the snapshots that are shown, nothing without any."""
    if history.start_balance is None:
        return ""
    change = signed(history.total_change_amount) or "unknown"
    percent = percent_text(history.total_change_percent)
    balances = f"{history.start_balance} to {history.end_balance} {history.currency}"
    return f"{balances}, change {change}" + (f" ({percent}%)" if percent else "")


def _change_cells(snapshot: Snapshot) -> tuple[str, str, str, str]:
    change, percent = signed(snapshot.change_amount), percent_text(snapshot.change_percent)
    return snapshot.balance, snapshot.currency, change, percent


def _evidence_cells(snapshot: Snapshot) -> tuple[object, ...]:
    """Return the note and the id of a snapshot, nothing where no evidence is shown."""
    if snapshot.evidence is UNSET:
        return ()
    return amendment_text(snapshot.evidence), snapshot.id
