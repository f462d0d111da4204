"""Statements read in the sandbox, and as lines of text to compare with the expected ones."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import BinaryIO

from dashtam.domain.errors import DashtamError
from dashtam.domain.period import Precision
from dashtam.domain.statement import Statement
from dashtam.statements.sandbox import ReaderProcess, decode_statement

NOW = datetime(2026, 11, 22, 19, tzinfo=UTC)


def read_in_sandbox(
    file: BinaryIO, slug: str | None = None, mapping: Mapping[str, object] | None = None
) -> Generator[Statement]:
    with (
        ReaderProcess() as process,
        closing(process.read(file, slug, mapping, NOW)) as responses,
    ):
        next(responses)
        for response in responses:
            yield decode_statement(bytes(response.statement))


def to_text(statements: Iterable[Statement]) -> str:
    lines: list[str] = []
    try:
        for statement in statements:
            lines += _statement_lines(statement)
    except DashtamError as error:
        lines.append(f"{type(error).__name__}: {error}")
        for one in error.field_errors:
            hint = one.detail if one.code in {"columns_found", "example_mapping"} else ""
            lines.append(f"  {one.place} {one.code} {hint}".rstrip())
    return "\n".join(lines) + "\n"


def _statement_lines(statement: Statement) -> Iterator[str]:
    identity = statement.identity
    kind = identity.account_type.value if identity.account_type else "?"
    owed = " | owed is positive" if identity.balance_sign == -1 else ""
    yield f"{identity.institution_key} | {identity.institution} | {identity.external_id}"
    yield f"  {identity.name} | {kind} | {identity.number_masked} | {identity.currency.code}{owed}"
    for reading in statement.readings:
        amounts = {
            "available": reading.available_balance,
            "holdings": reading.holdings_value,
            "cash": reading.cash_value,
        }
        is_day = " (day)" if reading.precision is Precision.DAY else ""
        rest = "".join(f" {name} {value}" for name, value in amounts.items() if value is not None)
        yield f"  {reading.captured_at.isoformat()}{is_day} {reading.balance}{rest}"
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
    for remark in statement.remarks:
        yield f"  # {remark.code}: {remark.detail}"
