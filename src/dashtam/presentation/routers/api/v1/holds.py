"""Holds on the wire: live balances that wait for their owner's word."""

from typing import ClassVar
from uuid import UUID

from dashtam.application.history import holds
from dashtam.domain.history.hold import HOLD_REASONS, Hold, HoldDecision, HoldRule
from dashtam.presentation.http.parameters import HOLD_ID
from dashtam.presentation.http.request_context import RequestContext, Response
from dashtam.presentation.schemas import examples
from dashtam.presentation.schemas.base import AmountText, CurrencyCode, Input, Instant, Shape


class HoldShape(Shape):
    """A live balance that is likely wrong; it counts once it is released.

    `id` is that of the snapshot, and `detail` the rule in a sentence. `previous_balance` is the
    newest balance that counted then. `decision` is null while the balance is held.
    """

    id: UUID
    account_id: UUID
    rule: HoldRule
    detail: str
    balance: AmountText
    previous_balance: AmountText | None
    currency: CurrencyCode
    captured_at: Instant
    held_at: Instant
    decision: HoldDecision | None
    decided_at: Instant | None

    example: ClassVar = {
        "id": "550e8400-e29b-41d4-a716-446655440009",
        "account_id": examples.ACCOUNT_ID,
        "rule": "sudden_zero",
        "detail": HOLD_REASONS[HoldRule.SUDDEN_ZERO],
        "balance": "0.00",
        "previous_balance": "25000.00",
        "currency": "USD",
        "captured_at": examples.CAPTURED_AT,
        "held_at": examples.CAPTURED_AT,
        "decision": None,
        "decided_at": None,
    }


class HoldList(Shape):
    """The balances that are held, the newest first."""

    holds: list[HoldShape]
    total_count: int

    example: ClassVar = {"holds": [HoldShape.example], "total_count": 1}


class HoldOrder(Input):
    """The owner's decision: `release` lets the balance count, `reject` never."""

    decision: HoldDecision
    example: ClassVar = {"decision": "release"}


def list_holds(context: RequestContext) -> Response[HoldList]:
    """List held balances.

    Live balances that are likely wrong: they are recorded, and no other answer shows them. A sync
    at least six hours later that says the same within 5 % releases one, but no 0 of which the
    provider still warns.
    """
    found = holds.list_open(context.work, context.user_id)
    return Response(HoldList([hold_shape(hold) for hold in found], len(found)))


def decide_hold(context: RequestContext) -> Response[HoldShape]:
    """Decide on a held balance.

    Released, it counts at the instant of its capture; rejected, it never counts. The same decision
    twice is the same as once.
    """
    decision = context.body(HoldOrder).decision
    decided = holds.decide(context.work, context.user_id, context.value(HOLD_ID), decision)
    return Response(hold_shape(decided))


def hold_shape(hold: Hold) -> HoldShape:
    """Return a hold as it is sent."""
    snapshot = hold.snapshot
    return HoldShape(
        id=snapshot.id,
        account_id=snapshot.account_id,
        rule=hold.rule,
        detail=HOLD_REASONS[hold.rule],
        balance=str(snapshot.balance),
        previous_balance=hold.previous,
        currency=snapshot.balance.currency.code,
        captured_at=snapshot.captured_at,
        held_at=hold.held_at,
        decision=hold.decision,
        decided_at=hold.decided_at,
    )
