"""Accounts: what balances belong to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from dashtam.domain.connection import ConnectionId
from dashtam.domain.money import Currency
from dashtam.domain.user import UserId

AccountId = NewType("AccountId", UUID)
BalanceSign = Literal[1, -1]


class AccountType(StrEnum):
    """What kind of account it is."""

    CHECKING = "checking"
    SAVINGS = "savings"
    MONEY_MARKET = "money_market"
    CD = "cd"
    CREDIT_CARD = "credit_card"
    LINE_OF_CREDIT = "line_of_credit"
    LOAN = "loan"
    MORTGAGE = "mortgage"
    BROKERAGE = "brokerage"
    IRA = "ira"
    ROTH_IRA = "roth_ira"
    SEP_IRA = "sep_ira"
    SIMPLE_IRA = "simple_ira"
    PLAN_401K = "401k"
    PLAN_403B = "403b"
    HSA = "hsa"
    EDUCATION = "education"
    TRUST = "trust"
    PENSION = "pension"
    PROPERTY = "property"
    CRYPTO = "crypto"
    CASH = "cash"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of one user, found again by (connection, external id, currency).

    ``balance_sign`` is -1 where its source reports what is owed as a positive number; it applies
    to ``balance`` alone, on every reading. ``last_synced_at`` is None before the first snapshot.
    """

    id: AccountId
    user_id: UserId
    connection_id: ConnectionId
    external_id: str
    name: str
    institution: str
    account_type: AccountType
    number_masked: str | None
    currency: Currency
    balance_sign: BalanceSign
    is_hidden: bool
    closed_at: datetime | None
    last_synced_at: datetime | None
    created_at: datetime
    updated_at: datetime
