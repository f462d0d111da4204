"""Closing balances of records, and the fields that several formats share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from dashtam.domain import parsing
from dashtam.domain.errors import UnreadableFile
from dashtam.domain.money import EXACT, Currency
from dashtam.domain.parsing import UnusableField
from dashtam.domain.period import Moment
from dashtam.domain.statement import Reading, RowError, Statement
from dashtam.statements.accounts import (
    NOTHING,
    ClosingBalance,
    ClosingBalances,
    Missing,
    account_key,
    build_identity,
    find_proved,
)

# The numbers of ISO 4217 for the currencies that files name by number.
_NUMBERED = {
    "978": "EUR", "840": "USD", "826": "GBP", "756": "CHF", "392": "JPY", "124": "CAD",
    "036": "AUD", "752": "SEK", "578": "NOK", "208": "DKK", "985": "PLN", "203": "CZK",
    "348": "HUF", "484": "MXN", "986": "BRL", "156": "CNY", "724": "ESP",
}  # fmt: skip

_CONFLICT = RowError(
    None,
    "conflicting_balance",
    "The file gives several balances of this account for one day: none of them is recorded.",
)


@dataclass(slots=True)
class StatementRecords:
    """The closing balances of a file of records, account by account."""

    slug: str
    title: str
    now: datetime
    missing: Missing = NOTHING
    _accounts: dict[tuple[str, str, str], ClosingBalances] = field(default_factory=dict)

    def account(self, bank: tuple[str, str], number: str, code: str) -> ClosingBalances:
        """Return the account; an unknown currency is a problem of its own."""
        key, name = bank
        currency = parsing.find_currency(_NUMBERED.get(code, code))
        currency = currency if code.strip() else self.missing.currency
        identity = build_identity(
            (key or self.slug, name or self.title),
            ("", number or self.missing.account),
            None,
            currency,
        )
        return self._accounts.setdefault(account_key(identity), ClosingBalances(identity))

    def close(
        self,
        account: ClosingBalances,
        line: int,
        day: str,
        balance: tuple[str, Decimal | None],
        *,
        rank: tuple[int, ...] = (),
        remark: RowError | None = None,
    ) -> None:
        """Add a closing balance of a day (``%y%m%d``), or the reason why it cannot be used.

        ``balance`` is the field's name and its amount, None where it is no amount.
        """
        name, amount = balance
        if amount is None:
            invalid = UnusableField(code="invalid_amount", detail=f"{name} is not an amount.")
            account.problems.append(invalid.to_row_error(line))
            return
        try:
            parsing.require_account("The account", account.identity.external_id)
            parsing.parse_currency_field("The currency", account.identity.currency.code)
            moment = parsing.require_booked(name, Moment.of_day(parse_day(name, day)), self.now)
        except UnusableField as error:
            account.problems.append(error.to_row_error(line))
            return
        reading = Reading(moment.at, amount, precision=moment.precision)
        account.add(rank, reading, remark)

    def refuse(self, account: ClosingBalances, line: int, name: str) -> None:
        """Note that a statement has no closing balance."""
        account.problems.append(parsing.missing_balance(name).to_row_error(line))

    def statements(self) -> Iterator[Statement]:
        """Yield the accounts.

        Raises:
            UnreadableFile: there is none.
        """
        if not self._accounts:
            detail = f"There is no statement in this {self.title} file."
            raise UnreadableFile(detail)
        for account in self._accounts.values():
            self._drop_conflicts(account)
            yield from account.statements()

    def _drop_conflicts(self, account: ClosingBalances) -> None:
        """Refuse the balances of one day and one rank that differ: nothing shows the last."""
        equal: dict[tuple[object, ...], list[ClosingBalance]] = {}
        for one in account.closings:
            equal.setdefault((one.rank, one.reading.captured_at), []).append(one)
        in_doubt = [
            id(one)
            for closings in equal.values()
            if len({one.reading.balance for one in closings}) > 1 and find_proved(closings) is None
            for one in closings
        ]
        account.problems += [_CONFLICT] * len(in_doubt)
        account.closings = [one for one in account.closings if id(one) not in in_doubt]


def parse_day(name: str, text: str) -> date:
    """Return the day written as ``YYMMDD``.

    Raises:
        UnusableField: ``invalid_date``.
    """
    try:
        return datetime.strptime(text, "%y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise parsing.invalid_date(name) from None


def to_amount(digits: str, places: int, *, is_negative: bool = False) -> Decimal | None:
    """Return the amount of digits without a separator, None for other text."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    amount = EXACT.scaleb(Decimal(digits), -places)
    return -amount if is_negative and amount else amount


def places_of(currency: Currency) -> int:
    """Return the number of minor digits, two where the currency is not known."""
    return 2 if currency == parsing.NO_CURRENCY else currency.digits
