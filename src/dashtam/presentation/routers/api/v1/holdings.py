"""Holdings on the wire."""

from datetime import datetime
from uuid import UUID

from dashtam.application.history import accounts
from dashtam.database.pagination import ListPage
from dashtam.domain.account import AccountId
from dashtam.domain.history.holding import Holding
from dashtam.presentation.http.parameters import ACCOUNT_ID, write_cursor
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas.base import CurrencyCode, Shape, decimal_text


class HoldingShape(Shape):
    """One current position; numbers are exact decimals in plain digits."""

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
    as_of: datetime


class HoldingList(Shape):
    """A page of positions, by symbol."""

    holdings: list[HoldingShape]
    total_count: int
    next_cursor: str | None


def list_account_holdings(context: RequestContext) -> Response:
    """List an account's holdings.

    What the account's positions are now, as they were last reported.
    """
    account = accounts.load(context.work, context.user_id, AccountId(context.value(ACCOUNT_ID)))
    return _answer(context.work.holdings.of_account(account.id, context.page()))


def list_holdings(context: RequestContext) -> Response:
    """List holdings.

    The current positions of all the user's accounts.
    """
    return _answer(context.work.holdings.of_user(context.user_id, context.page()))


def _answer(found: ListPage[Holding]) -> Response:
    return Response(
        HoldingList(
            holdings=[holding_shape(holding) for holding in found.items],
            total_count=found.total,
            next_cursor=write_cursor(found.last),
        )
    )


def holding_shape(holding: Holding) -> HoldingShape:
    """Return a position as it is sent."""
    position = holding.position
    return HoldingShape(
        id=holding.id,
        account_id=holding.account_id,
        symbol=position.symbol,
        name=position.name,
        asset_type=position.asset_type,
        quantity=format(position.quantity, "f"),
        price=decimal_text(position.price),
        market_value=decimal_text(position.market_value),
        cost_basis=decimal_text(position.cost_basis),
        currency=position.currency.code,
        as_of=position.as_of,
    )
