"""Import profiles: the mappings that a user confirmed, each for tables of one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from dashtam.domain.user import UserId

ImportProfileId = NewType("ImportProfileId", UUID)


@dataclass(frozen=True, slots=True)
class ImportProfile:
    """The mapping that is used for a table with this header and delimiter.

    ``shape`` is that of ``MappingProposal``. ``file_name`` is that of the file with which the
    mapping was confirmed, None where it was stored without one.
    """

    id: ImportProfileId
    user_id: UserId
    shape: str
    delimiter: str
    columns: Sequence[str]
    mapping: Mapping[str, Any]
    file_name: str | None
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None = None
