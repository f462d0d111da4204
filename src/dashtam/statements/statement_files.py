"""Statement files: read to their end in the sandbox, before any of their statements is used."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

from dashtam.application.ports import StatementFile
from dashtam.domain.errors import FieldError, UnreadableFile
from dashtam.domain.statement import FileFormat
from dashtam.statements.formats import FORMATS, detect
from dashtam.statements.sandbox import decode_statement, read_encoded

MAX_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024

_SLUGS: Final = tuple(known.slug for known in FORMATS)


class SandboxedStatementFiles:
    """Reads files in the sandbox; no transaction is open meanwhile, and no long file in memory."""

    def formats(self) -> Sequence[FileFormat]:
        """Return the formats of ``detect``."""
        return FORMATS

    @contextmanager
    def read(
        self, file: BinaryIO, file_format: str | None, mapping: Mapping[str, object], now: datetime
    ) -> Iterator[StatementFile]:
        """Read the file in the sandbox, into a spool; it raises as ``read_encoded`` does."""
        slug = file_format or detect(file)
        if slug not in _SLUGS:
            detail = f"This format is not known: {', '.join(_SLUGS[:-1])} and {_SLUGS[-1]} are."
            raise UnreadableFile(detail, (FieldError("/format", "unknown_format", detail),))
        with SpooledTemporaryFile(max_size=MAX_IN_MEMORY_BYTES) as spool:
            # Line by line, since the spool compares its length with the limit once a write.
            lines = read_encoded(file, slug, mapping, now)
            count = sum(spool.write(line + b"\n") > 0 for line in lines)
            spool.seek(0)
            yield StatementFile(slug, map(decode_statement, spool), count)
