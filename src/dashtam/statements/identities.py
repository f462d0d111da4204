"""Identities: how an account of a statement file is found again and called."""

import re

from dashtam.domain.account import AccountType, Identity
from dashtam.domain.money import Currency
from dashtam.domain.parsing import clean

_TITLES = {
    AccountType.CHECKING: "Checking",
    AccountType.SAVINGS: "Savings",
    AccountType.MONEY_MARKET: "Money market",
    AccountType.CD: "Certificate of deposit",
    AccountType.LINE_OF_CREDIT: "Line of credit",
    AccountType.CREDIT_CARD: "Credit card",
    AccountType.LOAN: "Loan",
    AccountType.MORTGAGE: "Mortgage",
    AccountType.BROKERAGE: "Brokerage",
    AccountType.IRA: "IRA",
    AccountType.ROTH_IRA: "Roth IRA",
    AccountType.SEP_IRA: "SEP IRA",
    AccountType.SIMPLE_IRA: "SIMPLE IRA",
    AccountType.PLAN_401K: "401(k)",
    AccountType.PLAN_403B: "403(b)",
    AccountType.HSA: "Health savings",
    AccountType.EDUCATION: "Education savings",
    AccountType.TRUST: "Trust",
}
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_VISIBLE = 4


def numbered(
    institution: tuple[str, str],
    number: tuple[str, str],
    account_type: AccountType | None,
    currency: Currency,
) -> Identity:
    """Return the identity of an account that is known by its number.

    ``institution`` is its key and its name for people; ``number`` is what distinguishes equal
    numbers within it (a bank's or a broker's id, or nothing) and the account's own.
    """
    key, name = institution
    holder, own = number
    external_id = f"{holder}/{own}" if holder and own else own
    shown = "".join(filter(str.isalnum, own))[-_VISIBLE:]
    masked = f"••••{shown}" if shown else None
    title = "Account" if account_type is None else _TITLES[account_type]
    return Identity(
        institution_key=clean(key),
        institution=clean(name),
        external_id=clean(external_id),
        name=f"{title} {masked}" if masked else title,
        account_type=account_type,
        number_masked=masked,
        currency=currency,
    )


def bic(text: str) -> str | None:
    """Return the bank's BIC (ISO 9362) without the branch ``XXX``, None where it is none."""
    text = text.strip()
    return text.removesuffix("XXX") if _BIC.fullmatch(text) else None
