"""Statements as lines of text, to be compared with the expected ones that lie beside a document."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from dashtam.domain.errors import DashtamError
from dashtam.domain.statement import Statement

NOW = datetime(2026, 11, 22, 19, tzinfo=UTC)


def printed(statements: Iterable[Statement]) -> str:
    lines: list[str] = []
    try:
        for statement in statements:
            lines += _statement(statement)
    except DashtamError as refusal:
        lines.append(f"{type(refusal).__name__}: {refusal}")
        lines += [f"  {fault.place} {fault.code}" for fault in refusal.field_errors]
    return "\n".join(lines) + "\n"


def _statement(statement: Statement) -> Iterator[str]:
    who = statement.identity
    kind = who.account_type.value if who.account_type else "?"
    owed = " | owed is positive" if who.balance_sign == -1 else ""
    yield f"{who.institution_key} | {who.institution} | {who.external_id}"
    yield f"  {who.name} | {kind} | {who.number_masked} | {who.currency.code}{owed}"
    for reading in statement.readings:
        told = {
            "available": reading.available_balance,
            "holdings": reading.holdings_value,
            "cash": reading.cash_value,
        }
        rest = "".join(f" {name} {value}" for name, value in told.items() if value is not None)
        yield f"  {reading.captured_at.isoformat()} {reading.balance}{rest}"
    if statement.positions is not None:
        yield f"  positions: {len(statement.positions)}"
    for position in statement.positions or ():
        yield (
            f"    {position.symbol} | {position.name} | {position.asset_type}"
            f" | {position.quantity} x {position.price} = {position.market_value}"
            f" {position.currency.code} | {position.as_of.isoformat()}"
        )
    for problem in statement.problems:
        place = "" if problem.line is None else f"line {problem.line}: "
        yield f"  ! {place}{problem.code}: {problem.detail}"
