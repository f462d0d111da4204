"""Account types of OFX: those of banks, cards, loans and investment plans."""

import re

from dashtam.domain.account import AccountType
from dashtam.statements.ofx.document import AccountStatement, Document

_TYPES = {
    "CHECKING": AccountType.CHECKING,
    "SAVINGS": AccountType.SAVINGS,
    "MONEYMRKT": AccountType.MONEY_MARKET,
    "CREDITLINE": AccountType.LINE_OF_CREDIT,
    "CD": AccountType.CD,
}
# INVACCTINFO's USPRODUCTTYPE (OFX 2.3, section 13.6.2.1), and the additions of brokers.
_PLANS = {
    "401K": AccountType.PLAN_401K,
    "403B": AccountType.PLAN_403B,
    "TDA": AccountType.PLAN_403B,
    "IRA": AccountType.IRA,
    "ROTHIRA": AccountType.ROTH_IRA,
    "ROTH": AccountType.ROTH_IRA,
    "SARSEP": AccountType.SEP_IRA,
    "SEPIRA": AccountType.SEP_IRA,
    "SIMPLE": AccountType.SIMPLE_IRA,
    "HSA": AccountType.HSA,
    "529": AccountType.EDUCATION,
    "TRUST": AccountType.TRUST,
}
_PUNCTUATION = re.compile(r"[^A-Za-z0-9]")


def find_account_type(source: AccountStatement, document: Document) -> AccountType | None:
    """Return the account's type, None where the file does not give it."""
    if source.kind == "LOANSTMTRS":
        loan = source.get("LOANACCTFROM", "LOANACCTTYPE").upper()
        return AccountType.MORTGAGE if loan == "MORTGAGE" else AccountType.LOAN
    if source.kind == "INVSTMTRS":
        has_plan = source.aggregates & {"INV401K", "INV401KBAL"}
        listed = document.investments.get((source.part, source.account_number), {}).get(
            "USPRODUCTTYPE", ""
        )
        default = AccountType.PLAN_401K if has_plan else AccountType.BROKERAGE
        return _PLANS.get(_PUNCTUATION.sub("", listed).upper(), default)
    if source.is_card:
        return AccountType.CREDIT_CARD
    return _TYPES.get(source.get("BANKACCTFROM", "ACCTTYPE").upper())
