"""Accounts of statement files: their identities, their closing balances, their statements."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.parsing import clean
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
) -> Iterator[Statement]:
    """Yield one account's statement, at most 1,000 readings and problems at a time."""
    yield Statement(identity, readings[:MAX_READINGS], positions, problems[:MAX_READINGS])
    for start in range(MAX_READINGS, max(len(readings), len(problems)), MAX_READINGS):
        end = start + MAX_READINGS
        yield Statement(identity, readings[start:end], None, problems[start:end])


@dataclass(slots=True)
class ClosingBalances:
    """The closing balances of one account in one currency, each with its rank."""

    identity: Identity
    readings: list[tuple[tuple[int, ...], Reading]] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)

    def statements(self) -> Iterator[Statement]:
        """Yield, of each instant, the reading of the highest rank; of equal ranks the last."""
        best: dict[datetime, tuple[tuple[int, ...], Reading]] = {}
        for rank, reading in self.readings:
            known = best.get(reading.captured_at)
            if known is None or rank >= known[0]:
                best[reading.captured_at] = rank, reading
        kept = [reading for _, reading in self.readings if best[reading.captured_at][1] is reading]
        yield from split_statement(self.identity, kept, self.problems)
