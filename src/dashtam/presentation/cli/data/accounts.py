"""``dashtam accounts``: listing them, keeping them by hand, changing them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import click
import msgspec

from dashtam.application.history import accounts as owned
from dashtam.application.history import external_flows, joins
from dashtam.application.history import revisions as past
from dashtam.application.history.accounts import AccountChanges
from dashtam.application.history.known_at import as_known_at
from dashtam.application.imports import removals, typed_balances
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.application.people import users as people
from dashtam.database.pagination import PageRequest, iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import AccountType
from dashtam.domain.money import Currency
from dashtam.domain.period import MAX_INSTANT, MIN_INSTANT, Moment, Period
from dashtam.domain.statement import Reading
from dashtam.presentation.cli.context import CommandContext, Group, notify, with_context
from dashtam.presentation.cli.parameters import (
    AMOUNT,
    CURRENCY,
    KNOWN_AT,
    MOMENT,
    NAME,
    instant_param,
)
from dashtam.presentation.cli.resolve import list_all, resolve_account, resolve_user
from dashtam.presentation.cli.tables import answer, answer_table, captured_text, count_text, table
from dashtam.presentation.cli.typed_balance import TAKES_AMOUNTS, parse_balance
from dashtam.presentation.http.instants import END_OF_DAY, NOON, START_OF_DAY, closing_of_day
from dashtam.presentation.http.parameters import write_cursor
from dashtam.presentation.routers.api.v1.accounts import (
    AccountList,
    AccountShape,
    account_shape,
    listed_account_shape,
)
from dashtam.presentation.routers.api.v1.external_flows import FlowList, flow_shape
from dashtam.presentation.routers.api.v1.revisions import RevisionList, RevisionShape
from dashtam.presentation.schemas.snapshots import snapshot_shape

_TYPE: Final = click.Choice([str(known) for known in AccountType])
_AT: Final = "The balance's instant, or its day as a bare date. Now by default."


@click.group(cls=Group)
def accounts() -> None:
    """List accounts, keep them by hand, change them."""


@accounts.command("list")
@with_context
def list_accounts(context: CommandContext) -> None:
    """List all accounts with their newest balance.

    Hidden and closed ones too.
    """
    with context.database.read() as work:
        found = list_all(work, resolve_user(context, work), owned.list_for_user)
    shapes = [listed_account_shape(one) for one in found]
    rows = [
        (
            one.name,
            one.account_type,
            one.balance,
            one.currency,
            None if newest is None else captured_text(newest),
            _state(one),
            one.id,
        )
        for one, newest in zip(shapes, (balance.newest for balance in found), strict=True)
    ]
    headings = ("NAME", "TYPE", "BALANCE", "", "AS OF", "STATE", "ID")
    shape = AccountList(accounts=shapes, total_count=len(shapes), next_cursor=None)
    answer_table(context, shape, headings, rows, numbers="BALANCE")


@accounts.command()
@click.argument("account")
@with_context
def show(context: CommandContext, account: str) -> None:
    """Show an account: its balance, its time, its coverage.

    ACCOUNT is an id or the beginning of a name.
    """
    with context.database.read() as work:
        shape = account_shape(owned.load_balance(work, resolve_account(context, work, account)))
    answer(context, shape, lambda: _account_text(shape))


@accounts.command()
@click.argument("account")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@with_context
def revisions(context: CommandContext, account: str, limit: int) -> None:
    """List the changes of an account's past, newest first.

    ACCOUNT is an id or the beginning of a name.
    """
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        found = past.list_for_account(work, mine.user_id, mine.id, PageRequest(limit))
    shape = RevisionList(
        revisions=[RevisionShape.of(one) for one in found.items],
        total_count=found.total,
        next_cursor=write_cursor(found.last),
    )
    rows = [
        (
            one.at,
            one.by,
            one.points,
            _likely_time(one.first_captured_at),
            _likely_time(one.last_captured_at),
            _why(one),
        )
        for one in shape.revisions
    ]
    headings = ("AT", "BY", "BALANCES", "FROM", "TO", "CHANGE")
    answer_table(context, shape, headings, rows, numbers="BALANCES")


@accounts.command(context_settings=TAKES_AMOUNTS)
@click.argument("name", type=NAME)
@click.argument("balance")
@click.option("--currency", type=CURRENCY, required=True, help="A code such as USD.")
@click.option("--type", "account_type", type=_TYPE, default="other", show_default=True)
@click.option("--at", type=MOMENT, help=_AT)
@with_context
def add(
    context: CommandContext,
    name: str,
    balance: str,
    *,
    currency: Currency,
    account_type: str,
    at: Moment | None,
) -> None:
    """Make an account kept by hand, with its first balance.

    A debt is negative. Write 1250.50, 1,250.50, 1.250,50 or $1250.50.
    """
    account = ManualAccount(name, AccountType(account_type), currency)
    amount = parse_balance(context, balance, currency, _day_text(at))
    with context.database.write() as work:
        user = resolve_user(context, work)
        reading = _reading(work, at, amount)
        shape = account_shape(typed_balances.create_manual(work, user.id, account, reading))
    answer(context, shape, lambda: f"{name}: {shape.id}")


@accounts.command(context_settings=TAKES_AMOUNTS)
@click.argument("account")
@click.argument("balance")
@click.option("--at", type=MOMENT, help=_AT)
@click.option("--available", "available_balance", type=AMOUNT, help="The part that can be spent.")
@click.option("--holdings", "holdings_value", type=AMOUNT, help="The value of the positions.")
@click.option("--cash", "cash_value", type=AMOUNT, help="The part that is not invested.")
@with_context
def record(
    context: CommandContext,
    /,
    account: str,
    balance: str,
    at: Moment | None,
    **parts: Any,  # noqa: ANN401 - fields of Reading
) -> None:
    """Record a balance of an account kept by hand or by files.

    A debt is negative. Write 1250.50, 1,250.50, 1.250,50 or $1250.50.
    """
    with context.database.read() as work:
        currency = resolve_account(context, work, account).currency
    amount = parse_balance(context, balance, currency, _day_text(at))
    with context.database.write() as work:
        mine = resolve_account(context, work, account)
        reading = _reading(work, at, amount, **parts)
        typed = typed_balances.type_balance(work, mine, reading)
    shape = snapshot_shape(typed.snapshot)
    notify(f"Recorded. `dashtam retract {typed.sync_id}` takes it back.")
    answer(context, shape, lambda: f"{mine.name}: {shape.balance} {shape.currency}")


@accounts.command()
@click.argument("account")
@click.option("--name", type=NAME, help="Its new name.")
@click.option("--type", "account_type", type=_TYPE, help="Its new type.")
@click.option(
    "--sign",
    "balance_sign",
    type=click.Choice(["1", "-1"]),
    help="-1: its source reports debts as positive amounts.",
)
@click.option(
    "--hide/--show", "is_hidden", default=None, help="Leave it out of the totals, or count it."
)
@click.option(
    "--hold/--no-hold",
    "holds_unlikely",
    default=None,
    help="Hold live balances that are likely wrong, or count them at once.",
)
@click.option("--close", "closed_at", type=instant_param(NOON), help="Closed since this day.")
@click.option("--reopen", is_flag=True, help="Open it again.")
@with_context
def change(context: CommandContext, /, account: str, *, reopen: bool, **options: object) -> None:
    """Rename, hide, close or reopen an account, or set its type."""
    given = {name: value for name, value in options.items() if value is not None}
    if reopen:
        given["closed_at"] = None
    if not given:
        detail = (
            "Give a change: --name, --type, --sign, --hide, --show, --hold, --no-hold, --close or"
            " --reopen."
        )
        raise click.UsageError(detail)
    changes = msgspec.convert(given, AccountChanges, strict=False)
    with context.database.write() as work:
        mine = resolve_account(context, work, account)
        closed_at = changes.get("closed_at")
        if closed_at is not None and closed_at.timetz() == NOON:
            user = people.load(work, mine.user_id)
            changes["closed_at"] = closing_of_day(closed_at, user, work.now)
        shape = account_shape(owned.load_balance(work, owned.change(work, mine, changes)))
    answer(context, shape, lambda: f"{shape.name}: {shape.account_type}, {_state(shape)}")


@accounts.command()
@click.argument("account")
@with_context
def remove(context: CommandContext, account: str) -> None:
    """Remove an account of which no balance counts.

    ACCOUNT is an id or the beginning of a name. Importing the same account brings it back.
    """
    with context.database.write() as work:
        mine = resolve_account(context, work, account)
        removals.remove_account(work, mine.user_id, mine.id)
    notify(f"{mine.name} is removed.")


@accounts.command()
@click.argument("account")
@click.argument("other")
@with_context
def join(context: CommandContext, account: str, other: str) -> None:
    """Join two accounts that are one under two ids.

    Their history is one from then on. ACCOUNT and OTHER are ids or the beginnings of names.
    """
    with context.database.write() as work:
        one, two = (resolve_account(context, work, text) for text in (account, other))
        joined = joins.join(work, one.user_id, one.id, two.id)
        work.flush()
        shape = account_shape(owned.load_balance(work, joined))
    notify(f"Joined. `dashtam accounts separate {shape.id}` undoes it.")
    answer(context, shape, lambda: f"{shape.name}: {shape.balance} {shape.currency}")


@accounts.command()
@click.argument("account")
@with_context
def separate(context: CommandContext, account: str) -> None:
    """Undo the joins of an account, or decline a proposed one.

    ACCOUNT is an id or the beginning of a name.
    """
    with context.database.write() as work:
        mine = resolve_account(context, work, account)
        joins.separate(work, mine.user_id, mine.id)
    notify(f"{mine.name} is an account of its own.")


@accounts.command()
@click.argument("account")
@click.option("--from", "start", type=instant_param(START_OF_DAY), default=MIN_INSTANT)
@click.option("--to", "end", type=instant_param(END_OF_DAY), default=MAX_INSTANT)
@KNOWN_AT
@with_context
def flows(
    context: CommandContext,
    account: str,
    start: datetime,
    end: datetime,
    known_at: datetime | None,
) -> None:
    """List the money that came in from outside or left.

    Deposits, withdrawals, transfers, income and fees, as the broker reported them.
    """
    period = Period(start, end)
    with context.database.read() as work:
        mine = resolve_account(context, work, account)
        past = as_known_at(work, known_at)
        found = list(
            iterate_all(
                lambda page: external_flows.list_for_account(
                    past, mine.user_id, mine.id, period, page
                )
            )
        )
    shape = FlowList([flow_shape(one) for one in found], total_count=len(found), next_cursor=None)
    rows = [(one.booked_on, one.kind, one.amount, one.currency) for one in shape.flows]
    answer_table(context, shape, ("BOOKED ON", "KIND", "AMOUNT", ""), rows, numbers="AMOUNT")


def _account_text(account: AccountShape) -> str:
    balance = "no balance yet"
    if account.balance is not None:
        balance = f"{account.balance} {account.currency}"
    rows = [
        ("Balance", balance),
        ("State", _state(account)),
        ("Observed at", account.observed_at),
        ("As of, by its provider", account.as_of),
    ]
    if coverage := account.coverage:
        gap = coverage.longest_gap_days
        rows += [
            ("Covered since", coverage.since),
            ("Usual interval", _days_text(coverage.usual_interval_days)),
            ("Longest gap", _days_text(gap if isinstance(gap, int) else None)),
        ]
    return table((account.name, account.institution), rows)


def _days_text(days: int | None) -> str | None:
    return None if days is None else count_text(days, "day")


def _likely_time(captured_at: datetime | None) -> datetime | str | None:
    """Return the time of a balance of unknown precision; at noon in UTC it is likely of a day."""
    if captured_at is None or captured_at.timetz() != NOON:
        return captured_at
    return captured_at.date().isoformat()


def _why(revision: RevisionShape) -> str:
    return revision.detail + (f" {revision.reason}" if revision.reason else "")


def _day_text(at: Moment | None) -> str:
    return "now" if at is None else at.at.date().isoformat()


def _reading(work: UnitOfWork, at: Moment | None, balance: Decimal, **parts: Any) -> Reading:  # noqa: ANN401 - fields of Reading
    moment = at or Moment(work.now.replace(microsecond=0))
    return Reading(moment.at, balance, precision=moment.precision, **parts)


def _state(account: AccountShape) -> str:
    if account.closed_at:
        return "closed"
    if account.join_proposed_to:
        return "join?"
    return "hidden" if account.is_hidden else "stale" if account.is_stale else "open"
