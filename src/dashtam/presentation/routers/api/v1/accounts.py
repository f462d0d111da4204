"""Accounts on the wire, and the balances that their owners type."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dashtam.application.history import accounts
from dashtam.application.history.accounts import AccountBalance, AccountChanges
from dashtam.application.imports import typed_balances
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.errors import DashtamError, FieldError, Unprocessable
from dashtam.domain.money import Currency, parse_amount
from dashtam.domain.statement import Reading
from dashtam.presentation.http.instants import NOON, parse_instant
from dashtam.presentation.http.parameters import ACCOUNT_ID, write_cursor
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas.base import (
    AmountText,
    CurrencyCode,
    Input,
    InstantText,
    Name,
    Shape,
    amount_text,
)
from dashtam.presentation.schemas.snapshots import snapshot_shape

Sign = Annotated[
    Literal[1, -1],
    Meta(description="-1 where the source reports what is owed as a positive number."),
]


class AccountShape(Shape):
    """An account with its newest balance (null before the first snapshot)."""

    id: UUID
    connection_id: UUID
    name: str
    institution: str
    account_type: AccountType
    account_number_masked: str | None
    currency: CurrencyCode
    balance: AmountText | None
    available_balance: AmountText | None
    balance_sign: Sign
    is_hidden: bool
    closed_at: datetime | None
    last_synced_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AccountList(Shape):
    """A page of accounts, by name."""

    accounts: list[AccountShape]
    total_count: int
    next_cursor: str | None


class NewAccount(Input):
    """A manual account with its first balance; debts are typed negative."""

    name: Name
    account_type: AccountType
    currency: CurrencyCode
    balance: AmountText
    captured_at: InstantText | None = None


class AccountPatch(Input):
    """What to change of an account (a merge patch); `closed_at: null` opens it again."""

    name: Name | UnsetType = UNSET
    account_type: AccountType | UnsetType = UNSET
    balance_sign: Sign | UnsetType = UNSET
    is_hidden: bool | UnsetType = UNSET
    closed_at: InstantText | UnsetType | None = UNSET


class TypedSnapshot(Input):
    """A balance that the owner types; it may be of the past, not of the future."""

    balance: AmountText
    available_balance: AmountText | None = None
    holdings_value: AmountText | None = None
    cash_value: AmountText | None = None
    captured_at: InstantText | None = None


def list_accounts(context: RequestContext) -> Response:
    """List accounts.

    The user's accounts, by name, hidden and closed ones too, each with its newest balance.
    """
    found = accounts.list_for_user(context.work, context.user_id, context.page())
    return Response(
        AccountList(
            accounts=[account_shape(balance) for balance in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def get_account(context: RequestContext) -> Response:
    """Get an account."""
    return Response(account_shape(accounts.load_balance(context.work, _owned(context))))


def create_account(context: RequestContext) -> Response:
    """Make a manual account.

    For what no provider knows: a house, a pension, cash. Its first balance is recorded with it.
    """
    body = context.body(NewAccount)
    reading = Reading(
        _captured_at(body.captured_at, context.work), _amount(body.balance, "/balance")
    )
    try:
        currency = Currency.of(body.currency)
    except DashtamError as refusal:
        raise _refused(refusal, "/currency") from None
    described = ManualAccount(body.name, body.account_type, currency)
    made = typed_balances.create_manual(context.work, context.user_id, described, reading)
    location = {"Location": f"{context.request.path}/{made.account.id}"}
    return Response(account_shape(made), headers=location)


def change_account(context: RequestContext) -> Response:
    """Change an account.

    Rename it, set its type or the sign of its balances, hide it or close it. Changing the sign
    turns the account's whole history on the next read, and rewrites nothing.
    """
    account = _owned(context)
    changed = accounts.change(
        context.work, account, _changes(context.body(AccountPatch), context.work)
    )
    return Response(account_shape(accounts.load_balance(context.work, changed)))


def type_balance(context: RequestContext) -> Response:
    """Type a balance.

    Records a snapshot of a manual account, or of one that files feed. `Location` names the run by
    which it can be retracted.
    """
    account = _owned(context)
    body = context.body(TypedSnapshot)
    reading = Reading(
        captured_at=_captured_at(body.captured_at, context.work),
        balance=_amount(body.balance, "/balance"),
        available_balance=_optional_amount(body.available_balance, "/available_balance"),
        holdings_value=_optional_amount(body.holdings_value, "/holdings_value"),
        cash_value=_optional_amount(body.cash_value, "/cash_value"),
    )
    typed = typed_balances.type_balance(context.work, account, reading)
    return Response(
        snapshot_shape(typed.snapshot), headers={"Location": f"/api/v1/syncs/{typed.sync_id}"}
    )


def _owned(context: RequestContext) -> Account:
    return accounts.load(context.work, context.user_id, AccountId(context.value(ACCOUNT_ID)))


def account_shape(balance: AccountBalance) -> AccountShape:
    """Return an account as it is sent."""
    account, newest = balance.account, balance.newest
    return AccountShape(
        id=account.id,
        connection_id=account.connection_id,
        name=account.name,
        institution=account.institution,
        account_type=account.account_type,
        account_number_masked=account.number_masked,
        currency=account.currency.code,
        balance=None if newest is None else str(newest.balance),
        available_balance=None if newest is None else amount_text(newest.available_balance),
        balance_sign=account.balance_sign,
        is_hidden=account.is_hidden,
        closed_at=account.closed_at,
        last_synced_at=account.last_synced_at,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def _changes(patch: AccountPatch, work: UnitOfWork) -> AccountChanges:
    given = {
        name: value
        for name, value in msgspec.structs.asdict(patch).items()
        if value is not UNSET and name != "closed_at"
    }
    changes = msgspec.convert(given, AccountChanges)
    if not isinstance(patch.closed_at, UnsetType):
        closed_at = patch.closed_at
        changes["closed_at"] = None if closed_at is None else _past(closed_at, "/closed_at", work)
    return changes


def _captured_at(text: str | None, work: UnitOfWork) -> datetime:
    return work.now.replace(microsecond=0) if text is None else _past(text, "/captured_at", work)


def _past(text: str, pointer: str, work: UnitOfWork) -> datetime:
    try:
        instant = parse_instant(text, day_means=NOON).astimezone(UTC)
    except DashtamError as refusal:
        raise _refused(refusal, pointer) from None
    now = work.now.replace(microsecond=0)
    is_day = "T" not in text.upper()
    # Today is meant, also in the morning, when its noon has yet to come.
    return min(instant, now) if is_day and instant.date() == now.date() else instant


def _amount(text: str, pointer: str) -> Decimal:
    try:
        return parse_amount(text)
    except DashtamError as refusal:
        raise _refused(refusal, pointer) from None


def _optional_amount(text: str | None, pointer: str) -> Decimal | None:
    return None if text is None else _amount(text, pointer)


def _refused(refusal: DashtamError, pointer: str) -> Unprocessable:
    return Unprocessable(str(refusal), (FieldError(pointer, "invalid", str(refusal)),))
