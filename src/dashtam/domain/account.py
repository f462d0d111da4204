"""Accounts, and the identity by which a source's account is found again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, NewType, Self
from uuid import UUID

from dashtam.domain.connection import Connection, ConnectionId
from dashtam.domain.money import Currency
from dashtam.domain.user import UserId

AccountId = NewType("AccountId", UUID)
BalanceSign = Literal[1, -1]


class AccountType(StrEnum):
    """The kind of an account."""

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


class AliasKind(StrEnum):
    """The way in which a provider names an institution, the strongest first.

    A login is a provider's own id of one user's access to an institution.
    """

    LOGIN = "login"
    ID = "id"
    DOMAIN = "domain"
    NAME = "name"


class InstitutionAlias(NamedTuple):
    """One of an institution's names."""

    kind: AliasKind
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The key of an account within its source, and its names when it is first seen.

    ``institution_key`` groups files of one institution (an OFX ``FI``, a BIC, else the format's
    name); ``institution`` is that institution's name for people. ``account_type`` is None where
    the source gives none. ``balance_sign`` is -1 where the source reports debts as positive
    numbers, 1 where it does not, None where that is unknown. ``institution_aliases`` are all names
    of the institution that a live provider tells; without them ``institution_key`` is its id.
    """

    institution_key: str
    institution: str
    external_id: str
    name: str
    currency: Currency
    account_type: AccountType | None = None
    number_masked: str | None = None
    balance_sign: BalanceSign | None = None
    institution_aliases: tuple[InstitutionAlias, ...] = ()

    @property
    def institutions(self) -> tuple[InstitutionAlias, ...]:
        """Every name of the institution."""
        return self.institution_aliases or (InstitutionAlias(AliasKind.ID, self.institution_key),)


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """The sender's words about one new account of a file, None where the file or Dashtam decides.

    ``sign`` is -1 where the file writes debts as positive numbers.
    """

    name: str | None = None
    institution: str | None = None
    type: AccountType | None = None
    sign: BalanceSign | None = None


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """The values of an account of which every change is kept, since its readings depend on them."""

    name: str
    account_type: AccountType
    currency: Currency
    balance_sign: BalanceSign
    is_hidden: bool
    closed_at: datetime | None
    joined_to: AccountId | None = None
    join_proposed_to: AccountId | None = None
    removed_at: datetime | None = None

    def to_content(self) -> Mapping[str, str | int | bool | None]:
        """Return the values as plain JSON."""
        instants = {
            name: None if at is None else at.isoformat()
            for name in ("closed_at", "removed_at")
            for at in [getattr(self, name)]
        }
        joins = {
            name: None if account_id is None else str(account_id)
            for name in ("joined_to", "join_proposed_to")
            for account_id in [getattr(self, name)]
        }
        return asdict(self) | {"currency": self.currency.code} | instants | joins

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """Return the values of ``to_content``."""
        return cls(
            name=content["name"],
            account_type=AccountType(content["account_type"]),
            currency=Currency.of(content["currency"]),
            balance_sign=content["balance_sign"],
            is_hidden=content["is_hidden"],
            closed_at=_parse_instant(content["closed_at"]),
            joined_to=_parse_id(content["joined_to"]),
            join_proposed_to=_parse_id(content["join_proposed_to"]),
            removed_at=_parse_instant(content["removed_at"]),
        )


def _parse_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _parse_id(text: str | None) -> AccountId | None:
    return None if text is None else AccountId(UUID(text))


@dataclass(frozen=True, slots=True)
class Account:
    """One account of one user.

    A file's account is found again by its connection, external id and currency, a provider's by
    its aliases.
    ``balance_sign`` is -1 where its source reports debts as positive numbers; it applies to
    ``balance`` alone, on every reading. ``holds_unlikely`` tells whether live balances that are
    likely wrong are held. ``last_synced_at`` is None before the first snapshot.

    ``joined_to`` is the account with which its owner made this one a single history, which has
    that account's id. ``join_proposed_to`` is the account that this one may continue under another
    id: until its owner decides, it is left out of latest balances and totals.

    An account that was removed has no balance that counts, and no answer has it; its rows stay, and
    an import of the same account brings it back.
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
    created_at: datetime
    updated_at: datetime
    is_hidden: bool = False
    holds_unlikely: bool = True
    closed_at: datetime | None = None
    joined_to: AccountId | None = None
    join_proposed_to: AccountId | None = None
    removed_at: datetime | None = None
    last_synced_at: datetime | None = None

    @property
    def settings(self) -> AccountSettings:
        """The account's present settings."""
        names = (field.name for field in fields(AccountSettings))
        return AccountSettings(**{name: getattr(self, name) for name in names})

    @classmethod
    def new(
        cls, account_id: AccountId, connection: Connection, identity: Identity, now: datetime
    ) -> Self:
        """Return a new, visible account of the connection's owner."""
        return cls(
            id=account_id,
            user_id=connection.user_id,
            connection_id=connection.id,
            external_id=identity.external_id,
            name=identity.name,
            institution=identity.institution,
            account_type=identity.account_type or AccountType.OTHER,
            number_masked=identity.number_masked,
            currency=identity.currency,
            balance_sign=identity.balance_sign or 1,
            created_at=now,
            updated_at=now,
        )
