"""Columns: the one column of a table that has a meaning, by its name and its cells."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from dashtam.domain.errors import FieldError
from dashtam.domain.parsing import NO_CURRENCY, clean, find_currency
from dashtam.statements.csv import headers
from dashtam.statements.csv.dates import is_date
from dashtam.statements.csv.headers import normalize
from dashtam.statements.csv.mapping import Column, ColumnMapping
from dashtam.statements.csv.numbers import is_amount
from dashtam.statements.written_amounts import find_side

_LONG_NUMBER = re.compile(r"[0-9]{5,}")
_NAME_LENGTH = 40
# From so many rows on a column with another account in most of them is not that of the owner.
_FEW_ROWS = 5
# Balances beside the balance.
_PARTS = frozenset({"available", "holdings", "cash"})


class ColumnFinder:
    """The columns of a table by their names and cells."""

    def __init__(
        self, header: list[str], samples: list[Sequence[str]], mapping: ColumnMapping
    ) -> None:
        self._header = header
        self._names = [normalize(name) for name in header]
        self._samples = samples
        self._mapping = mapping
        self._width = max([len(header), *(len(row) for row in samples)])
        self.questions: list[FieldError] = []

    def find(
        self,
        role: str,
        rank: Callable[[str], int],
        test: Callable[[str], bool],
        taken: Iterable[int] = (),
    ) -> int | None:
        """Return the column of a role, None with a question where it is not certain."""
        given: Column | None = getattr(self._mapping, role)
        if given is not None:
            return self._find_given(role, given)
        ranks = {
            index: rank(name)
            for index, name in enumerate(self._names)
            if rank(name) and index not in taken
        }
        fitting = [index for index in ranks if share(self._samples, index, test) >= 1 / 2]
        if not fitting and role in {"date", "balance"}:
            fitting = [index for index in ranks if ranks[index] > headers.WEAK]
            if role == "balance":
                fitting = [index for index in fitting if not self._is_spanning(index)]
        best = [index for index in fitting if ranks[index] == max(ranks[one] for one in fitting)]
        if role in {"date", "balance"} and len(best) > 1 and not self._are_equal(best):
            self._ask(role, best)
            return None
        if role in _PARTS and len(best) > 1 and not self._are_equal(best):
            # Nothing is lost without them, and the first of two would be a guess.
            return None
        return best[0] if best else None

    def find_sides(self, roles: Mapping[str, int | None]) -> dict[str, int | None]:
        """Return the columns that tell debits from credits.

        That of ``balance_side`` is certain; that of ``side`` may be the balances' or the amounts'.
        """
        mapping, balance = self._mapping, roles["balance"]
        found: dict[str, int | None] = {"balance_side": None, "amount_side": None, "side": None}
        for role in ("balance_side", "amount_side"):
            given: Column | None = getattr(mapping, role)
            if given not in {None, 0}:
                found[role] = self._find_given(role, given or 0)
        taken = {*roles.values(), *found.values()}
        sides = [
            index
            for index in range(self._width)
            if index not in taken
            and share(self._samples, index, lambda text: find_side(text) is not None) == 1
        ]
        if balance is None or not sides:
            return found
        if mapping.balance_side is None and mapping.amount_side is None:
            named = [
                one
                for one in sides
                if one < len(self._names) and headers.names_balance(self._names[one])
            ]
            booked = [roles[role] for role in ("amount", "debit", "credit")]
            if named or (balance + 1 in sides and min(sides) < balance):
                found["balance_side"] = named[0] if named else balance + 1
            elif balance + 1 in sides:
                found["side"] = balance + 1
            elif balance - 1 in sides and not any(one is not None for one in booked):
                found["side"] = balance - 1
        left = [one for one in sides if one not in found.values()]
        if found["amount_side"] is None and mapping.amount_side is None and left:
            amount = roles["amount"] or 0
            found["amount_side"] = min(left, key=lambda one: abs(one - amount))
        return found

    def find_spanned(self) -> int | None:
        """Return the column of codes below a name of balances that the next column shares."""
        found = [
            index
            for index, name in enumerate(self._names)
            if headers.rank_balance(name) and self._is_spanning(index)
        ]
        return found[0] if len(found) == 1 else None

    def find_currency(self, balance: int | None) -> int | None:
        """Return the column of the balances' currency, None where none is certain."""
        given = self._mapping.currency
        if given is not None:
            return self._find_given("currency", given)
        if self._mapping.currency_code is not None:
            return None
        ranks = {index: headers.rank_currency(name) for index, name in enumerate(self._names)}
        fitting = [
            index
            for index, rank in ranks.items()
            if rank and share(self._samples, index, is_code) >= 1 / 2
        ]
        if not fitting and self._samples:
            # A column of that very name counts, so that each unknown code is refused by its line.
            fitting = [
                index
                for index, rank in ranks.items()
                if rank == headers.BEST and share(self._samples, index, is_date) < 1 / 2
            ]
        if balance is not None and balance + 1 in fitting and len(fitting) > 1:
            return balance + 1
        best = [index for index in fitting if ranks[index] == headers.BEST]
        if len(best) > 1 and not self._are_equal(best):
            self._ask("currency", best)
            return None
        return best[0] if best else None

    def find_account(self) -> int | None:
        """Return the column that names the accounts, None where none is certain."""
        given = self._mapping.account
        if given is not None:
            return self._find_given("account", given)
        if self._mapping.account_name is not None:
            return None
        ranks = {index: headers.rank_account(name) for index, name in enumerate(self._names)}
        sure = [
            index
            for index, rank in ranks.items()
            if headers.is_sure_account(rank) and not self._is_counterparty(index)
        ]
        best = [index for index in sure if ranks[index] == max(ranks[one] for one in sure)]
        if len(best) > 1 and not self._are_equal(best):
            self._ask("account", best)
            return None
        return best[0] if best else None

    def find_product(self) -> int | None:
        """Return the column of products, each of which may be an account of its own."""
        found = [
            index
            for index, name in enumerate(self._names)
            if headers.rank_account(name) == headers.WEAK
            and len({row[index].strip() for row in self._samples if index < len(row)} - {""}) > 1
        ]
        return found[0] if len(found) == 1 else None

    def _is_counterparty(self, index: int) -> bool:
        """Tell whether a column beside booked amounts has accounts of many others, or gaps."""
        ranks = (headers.rank_amount, headers.rank_debit, headers.rank_credit)
        if not any(rank(name) for name in self._names for rank in ranks):
            return False
        cells = [row[index].strip() for row in self._samples if index < len(row)]
        return "" in cells or (len(cells) >= _FEW_ROWS and 2 * len(set(cells)) > len(cells))

    def drop(self, role: str) -> None:
        """Forget the question about a role."""
        self.questions = [one for one in self.questions if one.place != f"/mapping/{role}"]

    def _find_given(self, role: str, column: Column) -> int | None:
        if isinstance(column, int):
            if 1 <= column <= self._width:
                return column - 1
            places: list[int] = []
        else:
            places = [at for at, name in enumerate(self._names) if name == normalize(column)]
        if len(places) == 1 or (places and self._are_equal(places)):
            return places[0]
        if places:
            self._ask(role, places)
        else:
            detail = f"This table has no such column for {role}."
            self.questions.append(FieldError(f"/mapping/{role}", "unknown_column", detail))
        return None

    def _ask(self, role: str, places: list[int]) -> None:
        named = " and ".join(f"{at + 1} {_quote(self._header[at])}" for at in places)
        detail = f"Columns {named} both fit: a mapping must give the number of one for {role}."
        self.questions.append(FieldError(f"/mapping/{role}", "ambiguous_column", detail))

    def _are_equal(self, places: list[int]) -> bool:
        cells = [
            {row[at].strip() if at < len(row) else "" for at in places} for row in self._samples
        ]
        return bool(cells) and all(len(values) == 1 for values in cells)

    def _is_spanning(self, index: int) -> bool:
        return (
            index + 1 < len(self._names)
            and not self._names[index + 1]
            and share(self._samples, index, is_code) >= 1 / 2
            and share(self._samples, index + 1, is_amount) >= 1 / 2
        )


def share(samples: Iterable[Sequence[str]], index: int, test: Callable[[str], bool]) -> float:
    """Return the share of a column's cells that are not blank and pass the test."""
    cells = [row[index].strip() for row in samples if index < len(row) and row[index].strip()]
    return sum(map(test, cells)) / len(cells) if cells else 0.0


def is_code(text: str) -> bool:
    """Tell whether a cell is the code of a currency."""
    return find_currency(text) != NO_CURRENCY


def name_column(header: Sequence[str], index: int) -> Column:
    """Return a column as a mapping names it: by its name where that is its own."""
    name = header[index].strip() if index < len(header) else ""
    names = [normalize(cell) for cell in header]
    is_own = bool(normalize(name)) and names.count(normalize(name)) == 1
    return name if is_own and show_name(name) == name else index + 1


def show_name(name: str) -> str:
    """Return a column's name as an error may show it."""
    return clean(_LONG_NUMBER.sub("…", name), _NAME_LENGTH)


def _quote(name: str) -> str:
    return f"“{show_name(name)}”" if name.strip() else "(without a name)"
