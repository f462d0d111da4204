"""External flows on the wire."""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from dashtam.application.history import external_flows
from dashtam.domain.history.external_flow import ExternalFlow
from dashtam.domain.money import to_digits
from dashtam.domain.period import Period
from dashtam.domain.statement import FlowKind
from dashtam.presentation.http.parameters import ACCOUNT_ID, END_DATE, START_DATE
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Instant, PageShape, Shape


class FlowShape(Shape):
    """Money or securities that came into an account (above zero) or left it (below).

    `number` is the place among the account's flows in order of recording. `external_id` is the
    source's own id, null where it has none.
    """

    account_id: UUID
    number: int
    booked_on: Annotated[date, Meta(description="The day on which it was booked.")]
    amount: AmountText
    currency: CurrencyCode
    kind: FlowKind
    external_id: str | None
    sync_id: UUID
    recorded_at: Instant

    example: ClassVar = {
        "account_id": examples.ACCOUNT_ID,
        "number": 1,
        "booked_on": "2025-12-15",
        "amount": "500.00",
        "currency": "USD",
        "kind": "deposit",
        "external_id": "20251215000000000::045b3b8d",
        "sync_id": "8c5d7e1a-3b42-4f6d-9e08-1a2b3c4d5e6f",
        "recorded_at": examples.CAPTURED_AT,
    }


class FlowList(PageShape):
    """A page of flows, oldest first."""

    flows: list[FlowShape]


def list_flows(context: RequestContext) -> Response[FlowList]:
    """List an account's external flows.

    Deposits, withdrawals, transfers, dividends, interest and fees that a broker or a statement of
    an investment account reported, by the day of their booking. Bank accounts have none.
    """
    found = external_flows.list_for_account(
        context.known_work,
        context.user_id,
        context.value(ACCOUNT_ID),
        Period(context.value(START_DATE), context.value(END_DATE)),
        context.page(),
    )
    return Response.of_page(FlowList, found, flow_shape)


def flow_shape(recorded: ExternalFlow) -> FlowShape:
    """Return a flow as it is sent."""
    flow = recorded.flow
    return FlowShape.of(
        recorded,
        booked_on=flow.booked_on,
        amount=to_digits(flow.amount),
        currency=flow.currency.code,
        kind=flow.kind,
        external_id=flow.external_id,
    )
