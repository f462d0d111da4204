"""Holdings: the positions of an account at one time."""

from dataclasses import dataclass
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.statement import Position

HoldingId = NewType("HoldingId", UUID)


@dataclass(frozen=True, slots=True)
class Holding:
    """One position of an account; its id stays the same from one sync to the next."""

    id: HoldingId
    account_id: AccountId
    position: Position
