"""Statement files read to their end before anything is done with them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

from dashtam.application.ports import FileFormat, StatementFile
from dashtam.domain.errors import FieldError, UnreadableFile
from dashtam.statements.formats import FORMATS, detect
from dashtam.statements.sandbox import decoded, read_encoded

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024

_SLUGS: Final = tuple(known.slug for known in FORMATS)


class SandboxedStatementFiles:
    """Reads files through the limited process, and keeps what it says until all of it is said.

    So no transaction is open while a file is read, and a long file does not stay in memory.
    """

    def formats(self) -> Sequence[FileFormat]:
        """Return every format that is understood."""
        return [
            FileFormat(known.slug, known.name, known.extensions, known.summary) for known in FORMATS
        ]

    @contextmanager
    def read(
        self,
        file: BinaryIO,
        file_format: str | None,
        mapping: Mapping[str, object],
        now: datetime,
    ) -> Iterator[StatementFile]:
        """Read a file; without a format its content decides.

        Raises:
            Unprocessable: nothing in the file can be read, with the reason.
        """
        slug = file_format or detect(file)
        if slug not in _SLUGS:
            detail = f"This format is not known: {', '.join(_SLUGS[:-1])} and {_SLUGS[-1]} are."
            raise UnreadableFile(detail, (FieldError("/format", "unknown_format", detail),))
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
            # Line by line: after many at once it would look only once at how long it has become.
            lines = read_encoded(file, slug, mapping, now)
            count = sum(spool.write(line + b"\n") > 0 for line in lines)
            spool.seek(0)
            yield StatementFile(slug, map(decoded, spool), count)
