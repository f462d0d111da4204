"""Holdings: the current positions of an account, replaced by each sync."""

from dataclasses import dataclass
from typing import NewType
from uuid import UUID

from dashtam.domain.account import AccountId
from dashtam.domain.statement import Position

HoldingId = NewType("HoldingId", UUID)


@dataclass(frozen=True, slots=True)
class Holding:
    """One position of an account as the last sync reported it."""

    id: HoldingId
    account_id: AccountId
    position: Position
