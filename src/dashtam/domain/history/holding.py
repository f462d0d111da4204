"""Holdings: what an account's positions are now; the next sync replaces them."""

from dataclasses import dataclass
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.statement import Position

HoldingId = NewType("HoldingId", UUID)


@dataclass(frozen=True, slots=True)
class Holding:
    """One position of one account as it was last reported."""

    id: HoldingId
    account_id: AccountId
    position: Position
