"""Currencies and exact amounts of money."""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from dashtam.domain.errors import InvalidAmount, UnknownCurrency

# Wide enough for every sum of amounts with 20 + 18 digits; an inexact sum is an error.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", re.ASCII)

# Numbers of minor digits other than two in ISO 4217; zero where it says "N.A." (metals, SDR).
_DIGITS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    " XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA".split(),
    0,
)
_DIGITS |= dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
_DIGITS |= dict.fromkeys("CLF UYW".split(), 4)

# Every code of list one of ISO 4217, except XTS (tests) and XXX (no currency).
_CODES = frozenset(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN"
    " BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR"
    " FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY"
    " KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU"
    " MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON"
    " RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP"
    " TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB"
    " XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG".split()
)

# Former currencies, which old statements have.
_ENDED = frozenset(
    "ANG ATS BEF BGN BYR CUC CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LUF LVL MRO MTL NLG PTE"
    " ROL SIT SKK SLL STD TRL VEF ZWL".split()
)
_DIGITS |= dict.fromkeys("BEF BYR ESP ITL LUF PTE TRL".split(), 0)


@dataclass(frozen=True, slots=True)
class Currency:
    """A current or former currency of ISO 4217, with its number of minor digits."""

    code: str
    digits: int

    @staticmethod
    def of(code: str) -> "Currency":
        """Return the currency with this three-letter code, in capitals.

        Raises:
            UnknownCurrency: ISO 4217 never had this code.
        """
        try:
            return _CURRENCIES[code]
        except KeyError:
            raise UnknownCurrency from None


_CURRENCIES = {code: Currency(code, _DIGITS.get(code, 2)) for code in _CODES | _ENDED}


def parse_amount(text: str) -> Decimal:
    """Return the amount of plain ASCII digits, with its own fraction digits.

    At most 20 digits before the point and 18 after it; minus zero becomes zero.

    Raises:
        InvalidAmount: any other text (NaN, an exponent, separators, digits of other scripts).
    """
    if not _AMOUNT.fullmatch(text):
        raise InvalidAmount
    amount = Decimal(text)
    return amount or abs(amount)


def to_digits(amount: Decimal) -> str:
    """Return the amount in plain digits with its own fraction digits, never with an exponent."""
    text = str(amount)
    # Only very small amounts have an exponent there; format takes three times as long.
    return format(amount, "f") if "E" in text else text


def apply_sign(reported: Decimal, balance_sign: int) -> Decimal:
    """Return a reported balance as it is read, by the sign (1 or -1) of its account."""
    return reported if balance_sign == 1 else reported.copy_negate()


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency."""

    amount: Decimal
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        """Return the exact sum of two amounts of the same currency."""
        assert self.currency == other.currency, "only money of one currency adds up"
        return Money(EXACT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Return the exact difference of two amounts of the same currency."""
        assert self.currency == other.currency, "only money of one currency can be compared"
        return Money(EXACT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> "Money":
        """Return the negated amount with the same digits."""
        return Money(self.amount.copy_negate(), self.currency)

    def __str__(self) -> str:
        """Return plain digits, at least the currency's minor digits; no exponent and no ``-0``."""
        text = to_digits(self.amount or self.amount.copy_abs())
        whole, _, fraction = text.partition(".")
        missing = self.currency.digits - len(fraction)
        return f"{whole}.{fraction}{'0' * missing}" if missing > 0 else text


def amount_text(money: Money | None) -> str | None:
    """Return the amount in plain digits, None for none."""
    return None if money is None else str(money)


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two balances; ``percent`` is None where ``percent_change`` has none."""

    amount: Money
    percent: float | None

    @classmethod
    def between(cls, earlier: Money, later: Money) -> "Change | None":
        """Return the change from one balance to another, None if their currencies differ."""
        if earlier.currency != later.currency:
            return None
        return cls(later - earlier, percent_change(earlier.amount, later.amount))


def percent_change(old: Decimal, new: Decimal) -> float | None:
    """Return ``(new - old) / abs(old) * 100``, rounded half away from zero to two decimals.

    None where ``old`` is zero or the percent would reach 10^12. Never ``-0.0``.
    """
    if not old:
        return None
    numerator, denominator = EXACT.subtract(new, old).as_integer_ratio()
    old_numerator, old_denominator = old.copy_abs().as_integer_ratio()
    dividend = abs(numerator) * old_denominator * 10_000
    divisor = denominator * old_numerator
    hundredths = (2 * dividend + divisor) // (2 * divisor)
    if hundredths >= 10**14:
        return None
    percent = hundredths / 100
    return -percent if numerator < 0 and hundredths else percent
