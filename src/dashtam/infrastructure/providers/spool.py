"""Statement files read to their end before anything is done with them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

import msgspec

from dashtam.application.ports import FileFormat, StatementFile
from dashtam.domain.statement import Statement
from dashtam.infrastructure.providers.catalog import FORMATS, detect
from dashtam.infrastructure.providers.statement_files import read_statements

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Statement)


class StatementFiles:
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
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
            for statement in read_statements(file, slug, mapping, now):
                spool.write(_encoder.encode(statement) + b"\n")
            spool.seek(0)
            yield StatementFile(slug, map(_decoder.decode, spool))
