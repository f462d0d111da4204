"""Proposals: the way in which a table is read, how sure each part of it is, and the choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Choice = str | int


class Certainty(StrEnum):
    """How sure a part of a mapping is: an open one has to be answered before an import."""

    SURE = "sure"
    LIKELY = "likely"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class MappingPart:
    """One key of a mapping with its proposed value, None where none is needed or none is known.

    ``choices`` are the other values that it may have, empty where it is free text. ``question`` is
    the one that is open.
    """

    name: str
    proposed: Choice | None
    certainty: Certainty
    choices: Sequence[Choice] = ()
    question: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a file, with its line from 1 on."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class MappingProposal:
    """The mapping that is proposed for a table.

    ``shape`` is equal for files with the same header and delimiter. ``columns`` are the names in
    the order of the columns, empty for one without a name. ``first_rows`` begin above the header.
    ``example_mapping`` is a mapping that answers every open part, with likely values.
    """

    shape: str
    delimiter: str
    columns: Sequence[str]
    first_rows: Sequence[SourceRow]
    parts: Sequence[MappingPart]
    example_mapping: Mapping[str, Any]
