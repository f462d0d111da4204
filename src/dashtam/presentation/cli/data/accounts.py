"""``dashtam accounts``: listing them, keeping them by hand, changing them."""

from datetime import datetime
from decimal import Decimal
from typing import Final, cast

import click
import msgspec

from dashtam.application.history import accounts as owned
from dashtam.application.history.accounts import AccountBalance, AccountChanges
from dashtam.application.imports import typed_balances
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountType, BalanceSign
from dashtam.domain.errors import DashtamError
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.statement import Reading
from dashtam.presentation.cli.context import Invocation, Noun, pass_invocation, say
from dashtam.presentation.cli.resolve import InstantParam, chosen_account, chosen_user
from dashtam.presentation.cli.tables import answer, instant_text, table
from dashtam.presentation.http.instants import NOON
from dashtam.presentation.routers.api.v1.accounts import AccountList, account_shape
from dashtam.presentation.schemas.base import Name
from dashtam.presentation.schemas.snapshots import snapshot_shape

_TYPE: Final = click.Choice([str(known) for known in AccountType])
# A debt such as -500 is an amount, not an option.
_AMOUNTS: Final = {"ignore_unknown_options": True}
_AT: Final = "When it was so; a bare date is noon of that day (UTC). Now by default."


class AmountParam(click.ParamType[Decimal]):
    """An exact amount in plain digits."""

    name = "amount"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the amount."""
        if isinstance(value, Decimal):
            return value
        try:
            return parse_amount(str(value))
        except DashtamError as refusal:
            self.fail(str(refusal), param, ctx)


class Code(click.ParamType[Currency]):
    """A currency by its code."""

    name = "currency"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Currency:
        """Return the currency."""
        if isinstance(value, Currency):
            return value
        try:
            return Currency.of(str(value).upper())
        except DashtamError as refusal:
            self.fail(str(refusal), param, ctx)


class AccountName(click.ParamType[str]):
    """A name as the API takes it."""

    name = "text"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the name."""
        try:
            return msgspec.convert(value, Name)
        except msgspec.ValidationError:
            detail = "A name has 1 to 200 characters, not blanks alone, and no control characters."
            self.fail(detail, param, ctx)


@click.group(cls=Noun)
def accounts() -> None:
    """List accounts, keep them by hand, change them."""


@accounts.command("list")
@pass_invocation
def list_accounts(invocation: Invocation) -> None:
    """List all accounts with their newest balance.

    Hidden and closed ones too.
    """
    with invocation.services.database.read() as work:
        user = chosen_user(invocation, work)
        found = list(iterate_all(lambda page: owned.of_user(work, user.id, page)))
    shape = AccountList(
        accounts=[account_shape(one) for one in found], total_count=len(found), next_cursor=None
    )
    headings = ("NAME", "TYPE", "BALANCE", "", "AS OF", "STATE", "ID")
    answer(
        invocation, shape, lambda: table(headings, [_row(one) for one in found], numbers="BALANCE")
    )


def _row(one: AccountBalance) -> tuple[str, ...]:
    account, newest = one.account, one.newest
    return (
        account.name,
        account.account_type,
        "-" if newest is None else str(newest.balance),
        account.currency.code,
        instant_text(None if newest is None else newest.captured_at),
        _state(account),
        str(account.id),
    )


def _state(account: Account) -> str:
    return "closed" if account.closed_at else "hidden" if account.is_hidden else "open"


@accounts.command(context_settings=_AMOUNTS)
@click.argument("name", type=AccountName())
@click.argument("balance", type=AmountParam())
@click.option("--currency", type=Code(), required=True, help="A code such as USD.")
@click.option("--type", "account_type", type=_TYPE, default="other", show_default=True)
@click.option("--at", type=InstantParam(NOON), help=_AT)
@pass_invocation
def add(
    invocation: Invocation,
    name: str,
    balance: Decimal,
    *,
    currency: Currency,
    account_type: str,
    at: datetime | None,
) -> None:
    """Make an account kept by hand, with its first balance.

    A debt is negative.
    """
    described = ManualAccount(name, AccountType(account_type), currency)
    with invocation.services.database.write() as work:
        user = chosen_user(invocation, work)
        made = typed_balances.create_manual(
            work, user.id, described, Reading(_past(work, at), balance)
        )
    answer(invocation, account_shape(made), lambda: f"{name}: {made.account.id}")


@accounts.command(context_settings=_AMOUNTS)
@click.argument("account")
@click.argument("balance", type=AmountParam())
@click.option("--at", type=InstantParam(NOON), help=_AT)
@click.option("--available", type=AmountParam(), help="What can be spent of it.")
@click.option("--holdings", type=AmountParam(), help="What the positions are worth.")
@click.option("--cash", type=AmountParam(), help="What is not invested.")
@pass_invocation
def record(
    invocation: Invocation,
    /,
    account: str,
    balance: Decimal,
    at: datetime | None,
    **parts: Decimal | None,
) -> None:
    """Record a balance of an account kept by hand or by files.

    A debt is negative.
    """
    with invocation.services.database.write() as work:
        mine = chosen_account(work, chosen_user(invocation, work), account)
        reading = Reading(
            captured_at=_past(work, at),
            balance=balance,
            available_balance=parts["available"],
            holdings_value=parts["holdings"],
            cash_value=parts["cash"],
        )
        typed = typed_balances.type_balance(work, mine, reading)
    say(f"Recorded. `dashtam retract {typed.sync_id}` takes it back.")
    kept = typed.snapshot.snapshot
    answer(
        invocation,
        snapshot_shape(typed.snapshot),
        lambda: f"{mine.name}: {kept.balance} {kept.balance.currency.code}",
    )


@accounts.command()
@click.argument("account")
@click.option("--name", type=AccountName(), help="Call it this.")
@click.option("--type", "account_type", type=_TYPE, help="What kind of account it is.")
@click.option("--sign", type=click.Choice(["1", "-1"]), help="-1: its source tells debts as sums.")
@click.option(
    "--hide/--show", "is_hidden", default=None, help="Leave it out of the totals, or not."
)
@click.option("--close", "closed_at", type=InstantParam(NOON), help="Closed since this day.")
@click.option("--reopen", is_flag=True, help="It is not closed after all.")
@pass_invocation
def change(invocation: Invocation, /, account: str, *, reopen: bool, **given: object) -> None:
    """Rename, hide, close or reopen an account, or set its type."""
    changes = {name: value for name, value in given.items() if value is not None}
    if "sign" in changes:
        changes["balance_sign"] = cast("BalanceSign", int(str(changes.pop("sign"))))
    if "account_type" in changes:
        changes["account_type"] = AccountType(str(changes["account_type"]))
    if reopen:
        changes["closed_at"] = None
    if not changes:
        detail = "Say what to change: --name, --type, --sign, --hide, --show, --close or --reopen."
        raise click.UsageError(detail)
    with invocation.services.database.write() as work:
        mine = chosen_account(work, chosen_user(invocation, work), account)
        if isinstance(closed_at := changes.get("closed_at"), datetime):
            changes["closed_at"] = _past(work, closed_at)
        changed = owned.change(work, mine, cast("AccountChanges", changes))
        shown = owned.with_balance(work, changed)
    answer(
        invocation,
        account_shape(shown),
        lambda: f"{changed.name}: {changed.account_type}, {_state(changed)}",
    )


def _past(work: UnitOfWork, at: datetime | None) -> datetime:
    now = work.now.replace(microsecond=0)
    # Today is meant, also in the morning, when its noon has yet to come.
    return now if at is None or (at.date() == now.date() and at > now) else at
