"""Holdings on the wire."""

from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from dashtam.application.history import holdings
from dashtam.domain.history.holding import Holding
from dashtam.domain.money import to_digits
from dashtam.presentation.http.parameters import ACCOUNT_ID, AT
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import CurrencyCode, Instant, PageShape, Shape


class HoldingShape(Shape):
    """One position; numbers are exact decimals in plain digits."""

    id: UUID
    account_id: UUID
    symbol: str
    name: str
    asset_type: str
    quantity: str
    price: str | None
    market_value: str | None
    cost_basis: str | None
    currency: CurrencyCode
    as_of: Instant

    example: ClassVar = {
        "id": "7d3f5a1e-2c44-4f0b-8a36-0b7c9e5d1f20",
        "account_id": examples.ACCOUNT_ID,
        "symbol": "VTI",
        "name": "Total Stock Market ETF",
        "asset_type": "etf",
        "quantity": "62.5",
        "price": "352.00",
        "market_value": "22000.00",
        "cost_basis": "17500.00",
        "currency": "USD",
        "as_of": examples.CAPTURED_AT,
    }


class HoldingList(PageShape):
    """A page of positions, by symbol."""

    holdings: list[HoldingShape]


def list_account_holdings(context: RequestContext) -> Response[HoldingList]:
    """List an account's holdings.

    The account's positions as they were last reported, or with `at` those of an earlier time. A
    position keeps its id from one report to the next.
    """
    found = holdings.list_for_account(
        context.known_work,
        context.user_id,
        context.value(ACCOUNT_ID),
        context.page(),
        context.optional(AT),
    )
    return Response.of_page(HoldingList, found, holding_shape)


def list_holdings(context: RequestContext) -> Response[HoldingList]:
    """List holdings.

    The positions of all the user's accounts, as they were last reported, or with `at` those of an
    earlier time.
    """
    found = holdings.list_for_user(
        context.known_work, context.user_id, context.page(), context.optional(AT)
    )
    return Response.of_page(HoldingList, found, holding_shape)


def holding_shape(holding: Holding) -> HoldingShape:
    """Return a position as it is sent."""
    position = holding.position
    return HoldingShape.of(
        position,
        id=holding.id,
        account_id=holding.account_id,
        quantity=_digits(position.quantity),
        price=_digits(position.price),
        market_value=_digits(position.market_value),
        cost_basis=_digits(position.cost_basis),
        currency=position.currency.code,
    )


def _digits(amount: Decimal | None) -> str | None:
    return None if amount is None else to_digits(amount)
