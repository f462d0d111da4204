"""Accounts of statement files: their identities, their closing balances, their statements."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.parsing import NO_CURRENCY, clean, find_currency
from dashtam.domain.statement import Position, Reading, RowError, Statement

MAX_READINGS = 1_000

# The titles of types that are not their values.
_TITLES = {
    AccountType.CD: "Certificate of deposit",
    AccountType.IRA: "IRA",
    AccountType.ROTH_IRA: "Roth IRA",
    AccountType.SEP_IRA: "SEP IRA",
    AccountType.SIMPLE_IRA: "SIMPLE IRA",
    AccountType.PLAN_401K: "401(k)",
    AccountType.PLAN_403B: "403(b)",
    AccountType.HSA: "Health savings",
    AccountType.EDUCATION: "Education savings",
}
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_VISIBLE = 4
# The remarks on balances that are not the closing booked ones of their day.
_INTERIM = frozenset({"interim_balance", "available_balance"})


@dataclass(frozen=True, slots=True)
class Missing:
    """The account, the currency and the layout of dates that a file leaves open, where given."""

    account: str = ""
    currency: Currency = NO_CURRENCY
    date_format: str | None = None

    @classmethod
    def of_mapping(cls, mapping: Mapping[str, object] | None) -> "Missing":
        """Return the values of a mapping, which the account chosen for the file sets."""
        texts = {name: text for name, text in (mapping or {}).items() if isinstance(text, str)}
        account = texts.get("account_name") or texts.get("default_account_name") or ""
        code = texts.get("currency_code") or texts.get("default_currency_code") or ""
        return cls(clean(account), find_currency(code), texts.get("date_format"))


NOTHING = Missing()


def build_identity(
    institution: tuple[str, str],
    number: tuple[str, str],
    account_type: AccountType | None,
    currency: Currency,
) -> Identity:
    """Return the identity of an account with a number.

    ``institution`` is its key and its name for people; ``number`` is the id of the bank or broker
    that distinguishes equal numbers within the institution (may be empty), and the account number.
    """
    key, name = institution
    holder, account_number = number
    visible = "".join(filter(str.isalnum, account_number))[-_VISIBLE:]
    masked = f"••••{visible}" if visible else None
    title = (account_type or "account").replace("_", " ").capitalize()
    if account_type in _TITLES:
        title = _TITLES[account_type]
    return Identity(
        institution_key=clean(key),
        institution=clean(name),
        external_id=clean(
            f"{holder}/{account_number}" if holder and account_number else account_number
        ),
        name=f"{title} {masked}" if masked else title,
        account_type=account_type,
        number_masked=masked,
        currency=currency,
    )


def find_bic(text: str) -> str | None:
    """Return the bank's BIC (ISO 9362) without the branch ``XXX``, None where it is none."""
    text = text.strip()
    return text.removesuffix("XXX") if _BIC.fullmatch(text) else None


def account_key(identity: Identity) -> tuple[str, str, str]:
    """Return the part of the identity that distinguishes the accounts of a file."""
    return identity.institution_key, identity.external_id, identity.currency.code


def split_statement(
    identity: Identity,
    readings: Sequence[Reading],
    problems: Sequence[RowError],
    positions: Sequence[Position] | None = None,
    *,
    remarks: Sequence[RowError] = (),
) -> Iterator[Statement]:
    """Yield one account's statement, at most 1,000 readings and problems at a time."""
    first_problems = problems[:MAX_READINGS]
    yield Statement(identity, readings[:MAX_READINGS], positions, first_problems, remarks=remarks)
    for start in range(MAX_READINGS, max(len(readings), len(problems)), MAX_READINGS):
        end = start + MAX_READINGS
        yield Statement(identity, readings[start:end], None, problems[start:end])


@dataclass(frozen=True, slots=True)
class ClosingBalance:
    """A closing balance with its rank among those of its instant, and the balance before it.

    ``remark`` tells that it is not a closing booked balance; ``opening`` is None where none is
    given.
    """

    rank: tuple[int, ...]
    reading: Reading
    remark: RowError | None = None
    opening: Decimal | None = None


def find_proved(closings: Sequence[ClosingBalance]) -> ClosingBalance | None:
    """Return the one with which no other begins, None where the opening balances prove none."""
    openings = {one.opening for one in closings}
    ends = [one for one in closings if one.reading.balance not in openings]
    is_proved = None not in openings and len({one.reading.balance for one in ends}) == 1
    return ends[-1] if is_proved else None


@dataclass(slots=True)
class ClosingBalances:
    """The closing balances of one account in one currency."""

    identity: Identity
    closings: list[ClosingBalance] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)

    def add(
        self,
        rank: tuple[int, ...],
        reading: Reading,
        remark: RowError | None = None,
        opening: Decimal | None = None,
    ) -> None:
        """Add a balance; those of higher rank go first among those of an instant."""
        self.closings.append(ClosingBalance(rank, reading, remark, opening))

    def statements(self) -> Iterator[Statement]:
        """Yield, of each instant, the balance of the highest rank; of equal ranks the last one.

        The last is the one that the opening balances prove, else that of the file.
        """
        best: dict[datetime, list[ClosingBalance]] = {}
        for one in self.closings:
            known = best.setdefault(one.reading.captured_at, [])
            if known and one.rank > known[0].rank:
                known.clear()
            if not known or one.rank == known[0].rank:
                known.append(one)
        kept = {id(find_proved(equal) or equal[-1]) for equal in best.values()}
        closings = [one for one in self.closings if id(one) in kept]
        remarks = dict.fromkeys(one.remark for one in closings if one.remark is not None)
        readings = [
            replace(one.reading, is_interim=one.remark is not None and one.remark.code in _INTERIM)
            for one in closings
        ]
        yield from split_statement(self.identity, readings, self.problems, remarks=[*remarks])
