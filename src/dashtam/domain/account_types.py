"""Account types, guessed from the names of accounts; their owners can correct them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dashtam.domain.account import AccountType, BalanceSign, Identity
from dashtam.domain.mapping_proposal import Certainty

# The first match wins, so that special types come before common ones.
_WORDS: Final = tuple(
    (kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for kind, words in (
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
        (
            AccountType.MORTGAGE,
            (
                r"mortgage|home loan|hypothek|baufinanzierung|hypotheek|hipoteca|mutuo|ипотека"
                r"|hypot[eé]ka|kredyt hipoteczny|pr[eê]t immobilier"
            ),
        ),
        (
            AccountType.LOAN,
            (
                r"loan|auto finance|lease|darlehen|kredit|lening|pr[eê]t|pr[eé]stamo|empr[eé]stimo"
                r"|financiamento|prestito|po[zż]yczka|kredyt|[uú]v[eě]r|кредит"
            ),
        ),
        (AccountType.CD, r"cds?|certificate|term deposit|festgeld"),
        (AccountType.MONEY_MARKET, r"money market|mma"),
        (
            AccountType.CREDIT_CARD,
            (
                r"(?:\w*card|\w*kreditkarte|visa|mastercard|amex|american express|discover it"
                r"|carte de cr[eé]dit|tarjeta(?: de cr[eé]d\w+)?|carta di credito"
                r"|cart[aã]o de cr[eé]d\w+"
                r"|karta kredytowa|kreditn[ií] karta|kredi kart\w*|кредитная карта)|信用卡"
            ),
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
    """Return the type that the name suggests, None where it suggests none."""
    for kind, words in _WORDS:
        if words.search(name):
            return kind
    return AccountType.BROKERAGE if has_positions else None


LIABILITY_TYPES: Final = frozenset(
    {
        AccountType.CREDIT_CARD,
        AccountType.LINE_OF_CREDIT,
        AccountType.LOAN,
        AccountType.MORTGAGE,
    }
)
"""The types of accounts that hold debts."""

# A card of Visa, Mastercard or American Express: its number, also with hidden digits.
_CARD_NUMBER: Final = re.compile(r"(?:4|5[1-5]|3[47])[0-9]{2,13}[0-9xX*•]{0,9}[0-9]{2,4}")
_CARD_LENGTHS: Final = {15, 16}


@dataclass(frozen=True, slots=True)
class TypeProposal:
    """The proposed type of a new account, and the sign of its debts in the file."""

    account_type: AccountType
    type_certainty: Certainty
    sign: BalanceSign
    sign_certainty: Certainty


def propose_type(identity: Identity, balances: Iterable[Decimal]) -> TypeProposal:
    """Return the type and the sign that the names, the number and the balances suggest.

    A debt by its name with balances above zero, and balances below zero throughout under a name
    that says nothing, leave them open: the first proposal counts as a debt either way.
    """
    signs = {balance > 0 for balance in balances if balance}
    number = re.sub(r"[ -]", "", identity.external_id)
    if identity.account_type is not None:
        sign = identity.balance_sign or 1
        return TypeProposal(identity.account_type, Certainty.SURE, sign, Certainty.SURE)
    guessed = guess_account_type(identity.name, has_positions=False)
    if guessed in LIABILITY_TYPES:
        if identity.balance_sign is not None or signs != {True}:
            return TypeProposal(guessed, Certainty.LIKELY, 1, Certainty.LIKELY)
        return TypeProposal(guessed, Certainty.LIKELY, -1, Certainty.OPEN)
    if guessed is not None:
        return TypeProposal(guessed, Certainty.LIKELY, 1, Certainty.LIKELY)
    if signs == {False}:
        is_card = len(number) in _CARD_LENGTHS and _CARD_NUMBER.fullmatch(number) is not None
        kind = AccountType.CREDIT_CARD if is_card else AccountType.LINE_OF_CREDIT
        return TypeProposal(kind, Certainty.OPEN, 1, Certainty.LIKELY)
    return TypeProposal(AccountType.OTHER, Certainty.LIKELY, 1, Certainty.LIKELY)
