"""Balances that are typed on the command line."""

import re
import sys
from decimal import Decimal
from typing import Final

import click

from dashtam.domain.errors import Invalid
from dashtam.domain.money import Currency, Money
from dashtam.domain.typed_amount import parse_typed_amount
from dashtam.presentation.cli.context import CommandContext

TAKES_AMOUNTS: Final = {"ignore_unknown_options": True}
"""The context settings of a command to which a debt such as -500 is an amount, not an option."""

_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def parse_balance(context: CommandContext, text: str, currency: Currency, day: str) -> Decimal:
    """Return the typed balance, repeated to the user unless a program wrote it in plain digits."""
    try:
        amount = parse_typed_amount(text, currency)
    except Invalid as error:
        raise click.BadParameter(str(error), param_hint="BALANCE") from None
    if sys.stdin.isatty() or not _PLAIN.fullmatch(text):
        shown = f"{Decimal(str(Money(amount, currency))):,f} {currency.code}"
        context.confirm(f"You typed {shown} for {day}. Record it?")
    return amount
