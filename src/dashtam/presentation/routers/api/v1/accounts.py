"""Accounts on the wire, and the balances that their owners type."""

from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dashtam.application.history import accounts, joins
from dashtam.application.history.accounts import AccountBalance, AccountChanges
from dashtam.application.imports import removals, typed_balances
from dashtam.application.imports.typed_balances import ManualAccount
from dashtam.application.people import users
from dashtam.domain.account import Account, AccountId, AccountType
from dashtam.domain.money import Currency, amount_text, parse_amount
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading
from dashtam.presentation.http.instants import (
    NOON,
    closing_of_day,
    is_bare_date,
    parse_instant,
    parse_moment,
)
from dashtam.presentation.http.parameters import ACCOUNT_ID
from dashtam.presentation.http.request_context import NO_CONTENT, RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import (
    AmountText,
    CurrencyCode,
    Input,
    Instant,
    InstantText,
    Name,
    PageShape,
    Shape,
)
from dashtam.presentation.schemas.snapshots import Snapshot, snapshot_shape
from dashtam.presentation.schemas.typed_amounts import TypedAmounts, parse_field

Sign = Annotated[
    Literal[1, -1], Meta(description="-1 where the source reports debts as positive numbers.")
]


class CoverageShape(Shape):
    """Since when and until when an account was observed, and how often.

    `usual_interval_days` is the median of its last ten intervals, null without any.
    `longest_gap_days`, between two snapshots, is in the answers of one account alone: it takes a
    look at all of them.
    """

    since: Instant
    until: Instant
    usual_interval_days: int | None
    longest_gap_days: int | UnsetType | None = UNSET


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
    holds_unlikely: Annotated[
        bool,
        Meta(description="Whether live balances that are likely wrong are held: see `/holds`."),
    ]
    closed_at: Instant | None
    last_synced_at: Instant | None
    created_at: Instant
    updated_at: Instant
    observed_at: Annotated[
        Instant | None, Meta(description="When the newest snapshot was captured.")
    ]
    as_of: Annotated[
        Instant | None,
        Meta(description="The provider's own instant of the newest snapshot, null without one."),
    ]
    is_stale: Annotated[
        bool,
        Meta(
            description="Whether the newest snapshot is older than three times the median of the"
            " last ten intervals, and three days; than 90 days where the owner types the balances"
            " or there is no interval yet. Never of a hidden or closed account."
        ),
    ]
    coverage: CoverageShape | None
    join_proposed_to: Annotated[
        UUID | None,
        Meta(
            description="The account that this one likely continues under another id of its"
            " provider. Until its owner joins them or says that they are two, this one is left out"
            " of latest balances and totals."
        ),
    ]
    joined_accounts: Annotated[
        list[UUID], Meta(description="The accounts that are one history with this one.")
    ]

    example: ClassVar = {
        "id": examples.ACCOUNT_ID,
        "connection_id": examples.CONNECTION_ID,
        "name": "Brokerage",
        "institution": "Example Securities",
        "account_type": "brokerage",
        "account_number_masked": "…4321",
        "currency": "USD",
        "balance": "25000.00",
        "available_balance": "24500.00",
        "balance_sign": 1,
        "is_hidden": False,
        "holds_unlikely": True,
        "closed_at": None,
        "last_synced_at": examples.CAPTURED_AT,
        "created_at": examples.CREATED_AT,
        "updated_at": examples.CAPTURED_AT,
        "observed_at": examples.CAPTURED_AT,
        "as_of": None,
        "is_stale": False,
        "coverage": {
            "since": "2025-01-15T10:00:00Z",
            "until": examples.CAPTURED_AT,
            "usual_interval_days": 30,
            "longest_gap_days": 62,
        },
        "join_proposed_to": None,
        "joined_accounts": [],
    }


class AccountList(PageShape):
    """A page of accounts, by name."""

    accounts: list[AccountShape]


class NewAccount(Input):
    """A manual account with its first balance; debts are typed negative."""

    name: Name
    account_type: AccountType
    currency: CurrencyCode
    balance: AmountText
    captured_at: InstantText | None = None

    example: ClassVar = {
        "name": "House",
        "account_type": "property",
        "currency": "USD",
        "balance": "410000.00",
        "captured_at": "2025-12-26",
    }


class AccountPatch(Input):
    """Changes of an account (a merge patch); `closed_at: null` opens it again."""

    name: Name | UnsetType = UNSET
    account_type: AccountType | UnsetType = UNSET
    balance_sign: Sign | UnsetType = UNSET
    is_hidden: bool | UnsetType = UNSET
    holds_unlikely: bool | UnsetType = UNSET
    closed_at: InstantText | UnsetType | None = UNSET
    example: ClassVar = {"name": "Retirement", "account_type": "ira", "is_hidden": False}


class JoinOrder(Input):
    """The account that is the same as the one of the path, under another id."""

    account_id: UUID
    example: ClassVar = {"account_id": "550e8400-e29b-41d4-a716-44665544000b"}


class TypedSnapshot(TypedAmounts):
    """A balance that the owner types; it may be of the past, not of the future."""

    captured_at: InstantText | None = None
    example: ClassVar = {"balance": "25000.00", "captured_at": examples.CAPTURED_AT}


def list_accounts(context: RequestContext) -> Response[AccountList]:
    """List accounts.

    The user's accounts, by name, hidden and closed ones too, each with its newest balance.
    """
    found = accounts.list_for_user(context.work, context.user_id, context.page())
    return Response.of_page(AccountList, found, listed_account_shape)


def get_account(context: RequestContext) -> Response[AccountShape]:
    """Get an account."""
    return Response(account_shape(accounts.load_balance(context.work, _owned(context))))


def create_account(context: RequestContext) -> Response[AccountShape]:
    """Make a manual account.

    For assets without a provider: a house, a pension, cash. Its first balance is recorded with it.
    """
    body = context.body(NewAccount)
    moment = _parse_moment(context, body.captured_at)
    balance = parse_field(parse_amount, body.balance, "/balance")
    reading = Reading(moment.at, balance, precision=moment.precision)
    currency = parse_field(Currency.of, body.currency, "/currency")
    described = ManualAccount(body.name, body.account_type, currency)
    created = typed_balances.create_manual(context.work, context.user_id, described, reading)
    return Response(account_shape(created), location=f"/accounts/{created.account.id}")


def change_account(context: RequestContext) -> Response[AccountShape]:
    """Change an account.

    Rename it, set its type or the sign of its balances, hide it or close it, or have its live
    balances count however unlikely they are (`holds_unlikely: false`). Changing the sign turns the
    account's whole history on the next read, and rewrites nothing.
    """
    account = _owned(context)
    patch = context.body(AccountPatch)
    given = msgspec.structs.asdict(patch)
    given = {name: value for name, value in given.items() if value is not UNSET}
    if isinstance(patch.closed_at, str):
        given["closed_at"] = _parse_closing(context, patch.closed_at)
    changes = msgspec.convert(given, AccountChanges)
    changed = accounts.change(context.work, account, changes)
    return Response(account_shape(accounts.load_balance(context.work, changed)))


def remove_account(context: RequestContext) -> Response[None]:
    """Remove an account.

    For an account of which no balance counts, since every import that made it was retracted, or
    every balance that was typed. No answer has it from then on. Its rows stay, and an import of the
    same account brings it back.
    """
    removals.remove_account(context.work, context.user_id, context.value(ACCOUNT_ID))
    return NO_CONTENT


def join_account(context: RequestContext) -> Response[AccountShape]:
    """Join two accounts.

    They are one account under two ids, as after a provider handed out new ones: one history, in
    every answer. It has the id of the account that was created first, and the answer is that
    account; the other id leads to it. No snapshot changes, and the DELETE undoes it.
    """
    account_id, other_id = context.value(ACCOUNT_ID), context.body(JoinOrder).account_id
    joined = joins.join(context.work, context.user_id, account_id, AccountId(other_id))
    return Response(account_shape(accounts.load_balance(context.work, joined)))


def separate_account(context: RequestContext) -> Response[None]:
    """Undo a join, or decline a proposed one.

    The accounts are several histories again. For the account that has the id of the whole history,
    all others are separated from it.
    """
    joins.separate(context.work, context.user_id, context.value(ACCOUNT_ID))
    return NO_CONTENT


def type_balance(context: RequestContext) -> Response[Snapshot]:
    """Type a balance.

    Records a snapshot of a manual account, or of one that files feed. `Location` names the run by
    which it can be retracted.
    """
    account = _owned(context)
    body = context.body(TypedSnapshot)
    reading = body.reading_at(_parse_moment(context, body.captured_at))
    typed = typed_balances.type_balance(context.work, account, reading)
    return Response(snapshot_shape(typed.snapshot), location=f"/syncs/{typed.sync_id}")


def account_shape(balance: AccountBalance) -> AccountShape:
    """Return an account as it is sent alone."""
    shape = listed_account_shape(balance)
    if shape.coverage is not None and balance.coverage is not None:
        shape.coverage.longest_gap_days = balance.coverage.longest_gap_days
    return shape


def listed_account_shape(balance: AccountBalance) -> AccountShape:
    """Return an account as it is sent in a list."""
    account, newest, coverage = balance.account, balance.newest, balance.coverage
    return AccountShape.of(
        account,
        account_number_masked=account.number_masked,
        currency=account.currency.code,
        balance=amount_text(newest.balance if newest else None),
        available_balance=amount_text(newest.available_balance if newest else None),
        observed_at=newest.captured_at if newest else None,
        as_of=newest.as_of if newest else None,
        is_stale=balance.is_stale,
        coverage=coverage
        and CoverageShape(coverage.since, coverage.until, coverage.usual_interval_days),
        joined_accounts=list(balance.joined),
    )


def _owned(context: RequestContext) -> Account:
    return accounts.load(context.work, context.user_id, context.value(ACCOUNT_ID))


def _parse_moment(context: RequestContext, text: str | None) -> Moment:
    """Return the moment of a typed balance, the present in whole seconds where none is given."""
    if text is None:
        return Moment(context.work.now.replace(microsecond=0))
    return parse_field(parse_moment, text, "/captured_at")


def _parse_closing(context: RequestContext, text: str) -> datetime:
    instant = parse_field(partial(parse_instant, day_means=NOON), text, "/closed_at")
    if not is_bare_date(text):
        return instant
    now = context.work.now
    return closing_of_day(instant, users.load(context.work, context.user_id), now)
