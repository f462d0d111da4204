"""Reading history: ``dashtam balances``, ``history`` and ``snapshots``."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from dashtam.application.history import accounts, balance_snapshots
from dashtam.application.history.balance_snapshots import LatestBalances
from dashtam.database.pagination import iterate_all
from dashtam.domain.account import Account, AccountId
from dashtam.domain.history.balance_history import BalanceHistory, Change, ChangedSnapshot
from dashtam.domain.money import Money
from dashtam.domain.period import Period
from dashtam.domain.sync import SnapshotSource
from dashtam.presentation.cli.context import Invocation, Verb, pass_invocation
from dashtam.presentation.cli.resolve import SOURCE, InstantParam, chosen_account, chosen_user
from dashtam.presentation.cli.tables import answer, count_text, instant_text, table
from dashtam.presentation.http.instants import END_OF_DAY, START_OF_DAY
from dashtam.presentation.schemas.snapshots import history_shape, latest_shape

_NUMBERS: Final = "BALANCE CHANGE %"
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)


@click.command(cls=Verb)
@click.option("--hidden", is_flag=True, help="Hidden accounts too.")
@click.option("--closed", is_flag=True, help="Closed accounts too.")
@pass_invocation
def balances(invocation: Invocation, *, hidden: bool, closed: bool) -> None:
    """Show the latest balance of each account, and the totals by currency."""
    include = {name for name, wanted in (("hidden", hidden), ("closed", closed)) if wanted}
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        latest = balance_snapshots.latest(work, user.id, include)
        owned = iterate_all(lambda page: accounts.of_user(work, user.id, page))
        names = {one.account.id: one.account.name for one in owned}
    answer(invocation, latest_shape(latest), lambda: _latest_text(latest, names))


def _latest_text(latest: LatestBalances, names: dict[AccountId, str]) -> str:
    rows = [
        (names[changed.snapshot.account_id], *_cells(changed), _instant(changed))
        for changed in latest.snapshots
    ]
    totals = [("Total", str(total), code, "", "", "") for code, total in latest.totals.items()]
    headings = ("ACCOUNT", "BALANCE", "", "CHANGE", "%", "AS OF")
    return table(headings, [*rows, *totals], numbers=_NUMBERS)


@click.command(cls=Verb)
@click.argument("account")
@click.option(
    "--from", "start", type=InstantParam(START_OF_DAY), default=_FIRST, help="From then on."
)
@click.option(
    "--to", "end", type=InstantParam(END_OF_DAY), default=_LAST, help="Up to then, included."
)
@click.option("--source", type=SOURCE, help="Only what was captured in this way.")
@pass_invocation
def history(
    invocation: Invocation, account: str, start: datetime, end: datetime, source: str | None
) -> None:
    """Show how the balance of an account went.

    A table, oldest first, and a chart. ACCOUNT is an id or the beginning of a name. Each change is
    the one since the line before.
    """
    period = Period(start, end)
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        mine = chosen_account(work, user, account)
        found = balance_snapshots.history(work, user.id, mine.id, period, _source(source))
    answer(invocation, history_shape(found), lambda: _history_text(mine, found, drawn=True))


@click.command(cls=Verb)
@click.argument("account")
@click.option("--limit", type=click.IntRange(1, 100), default=30, show_default=True)
@click.option("--source", type=SOURCE, help="Only what was captured in this way.")
@pass_invocation
def snapshots(invocation: Invocation, account: str, limit: int, source: str | None) -> None:
    """Show the most recent snapshots of an account.

    Newest first. ACCOUNT is an id or the beginning of a name.
    """
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        mine = chosen_account(work, user, account)
        found = balance_snapshots.recent(work, user.id, mine.id, limit, _source(source))
    answer(invocation, history_shape(found), lambda: _history_text(mine, found, drawn=False))


def _source(text: str | None) -> SnapshotSource | None:
    return None if text is None else SnapshotSource(text)


def _history_text(account: Account, found: BalanceHistory, *, drawn: bool) -> str:
    if not found.snapshots:
        return f"{account.name}: no snapshots."
    rows = [
        (_instant(changed), *_cells(changed), changed.snapshot.source)
        for changed in found.snapshots
    ]
    headings = ("CAPTURED", "BALANCE", "", "CHANGE", "%", "SOURCE")
    counted = count_text(len(rows), "snapshot")
    # What matters most comes last: a long table scrolls away.
    parts = [
        table(headings, rows, numbers=_NUMBERS),
        _chart(found.snapshots) if drawn else "",
        f"{account.name}: {counted}, {_summary(found)}",
    ]
    return "\n\n".join(part for part in parts if part)


def _chart(changed: Sequence[ChangedSnapshot]) -> str:
    # Loading it takes longer than everything else here, and programs do not look at charts.
    from dashtam.presentation.cli.chart import chart  # noqa: PLC0415

    return chart([one.snapshot for one in changed]) if sys.stdout.isatty() else ""


def _summary(found: BalanceHistory) -> str:
    percent = _percent(found.change)
    of_all = f" ({percent}%)" if percent else ""
    change = "none that can be told" if found.change is None else _signed(found.change.amount)
    return f"{found.start} to {found.end} {found.currency.code}, change {change}{of_all}"


def _cells(changed: ChangedSnapshot) -> tuple[str, ...]:
    balance, change = changed.snapshot.balance, changed.change
    amount = "" if change is None else _signed(change.amount)
    return str(balance), balance.currency.code, amount, _percent(change)


def _instant(changed: ChangedSnapshot) -> str:
    return instant_text(changed.snapshot.captured_at)


def _signed(amount: Money) -> str:
    return f"+{amount}" if amount.amount > 0 else str(amount)


def _percent(change: Change | None) -> str:
    return "" if change is None or change.percent is None else f"{change.percent:+.2f}"
