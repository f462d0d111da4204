"""Accounts of statement files: their identities, their closing balances, their statements."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

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


@dataclass(slots=True)
class ClosingBalances:
    """The closing balances of one account in one currency, each with its rank and a remark."""

    identity: Identity
    readings: list[tuple[tuple[int, ...], Reading, RowError | None]] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)

    def add(self, rank: tuple[int, ...], reading: Reading, remark: RowError | None = None) -> None:
        """Add a reading; ``remark`` tells that it is not a closing booked balance."""
        self.readings.append((rank, reading, remark))

    def statements(self) -> Iterator[Statement]:
        """Yield, of each instant, the reading of the highest rank; of equal ranks the last."""
        best: dict[datetime, tuple[tuple[int, ...], Reading]] = {}
        for rank, reading, _ in self.readings:
            known = best.get(reading.captured_at)
            if known is None or rank >= known[0]:
                best[reading.captured_at] = rank, reading
        kept = [one for one in self.readings if best[one[1].captured_at][1] is one[1]]
        readings = [reading for _, reading, _ in kept]
        remarks = dict.fromkeys(remark for _, _, remark in kept if remark is not None)
        yield from split_statement(self.identity, readings, self.problems, remarks=[*remarks])
