"""Guesses account types from names; the owner can correct them."""

import re
from typing import Final

from dashtam.domain.account import AccountType

# The first match counts, so that special words stand before common ones.
_WORDS: Final = tuple(
    (account_type, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for account_type, words in (
        (AccountType.PLAN_401K, r"401 ?\(?k\)?"),
        (AccountType.PLAN_403B, r"403 ?\(?b\)?"),
        (AccountType.HSA, r"hsa|health savings?"),
        (AccountType.EDUCATION, r"529|education|college|coverdell"),
        (AccountType.ROTH_IRA, r"roth"),
        (AccountType.SEP_IRA, r"sep[ -]ira"),
        (AccountType.SIMPLE_IRA, r"simple[ -]ira"),
        (AccountType.IRA, r"ira|rollover"),
        (AccountType.PENSION, r"pension|retirement|altersvorsorge"),
        (AccountType.LINE_OF_CREDIT, r"heloc|line of credit|credit line"),
        (AccountType.MORTGAGE, r"mortgage|home loan|hypothek|baufinanzierung"),
        (AccountType.LOAN, r"loan|auto finance|lease|darlehen|kredit"),
        (AccountType.CD, r"cds?|certificate|term deposit|festgeld"),
        (AccountType.MONEY_MARKET, r"money market|mma"),
        (
            AccountType.CREDIT_CARD,
            r"(?:\w*card|kreditkarte|visa|mastercard|amex|american express|discover it)",
        ),
        (AccountType.SAVINGS, r"savings?|sparkonto|tagesgeld|sparbuch|livret"),
        (AccountType.CHECKING, r"che(?:cking|quing)|cheque|current account|giro\w*|girokonto"),
        (AccountType.TRUST, r"trust"),
        (AccountType.CRYPTO, r"crypto|bitcoin|btc|ethereum|wallet"),
        (
            AccountType.BROKERAGE,
            r"brokerage|invest\w*|individual|joint wros|stocks?|securities|depot|portfolio",
        ),
    )
)


def guess_account_type(name: str, *, has_positions: bool) -> AccountType | None:
    """Return the account type that matches the name; None without a match and without positions."""
    for account_type, words in _WORDS:
        if words.search(name):
            return account_type
    return AccountType.BROKERAGE if has_positions else None
