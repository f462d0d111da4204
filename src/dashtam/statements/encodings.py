"""Documents: the bytes of a statement file, and the text in them."""

import codecs
import re
from typing import BinaryIO

from dashtam.domain.errors import UnreadableFile

# A year of one account's statements is far below this; only CSV files may be longer.
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024

_CHUNK_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Beside an ASCII letter these bytes are letters in windows-1250 and signs in windows-1252.
_CENTRAL_EUROPEAN = re.compile(rb"[A-Za-z][\x8d\x8f\x9d\x9f\xb3\xb9\xbe\xbf]|[\xa3\xaf\xbf][a-z]")


def head_of(file: BinaryIO) -> bytes:
    """Return the first 64 KiB."""
    file.seek(0)
    return file.read(_CHUNK_BYTES)


def whole(file: BinaryIO) -> bytes:
    """Return every byte of the file.

    Raises:
        UnreadableFile: it is longer than a statement can be.
    """
    file.seek(0)
    content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UnreadableFile(detail="This file is larger than the 32 MiB a statement may have.")
    return content


def encoding_of(file: BinaryIO) -> str:
    """Return the name of the encoding: a byte order mark decides, else what the bytes can be."""
    head = head_of(file)
    marked = _wide(head)
    if marked:
        return marked
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = head
    try:
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(_CHUNK_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _narrow(chunk)
    return "utf-8"


def text_of(content: bytes) -> str:
    """Return the text, without a byte order mark; what cannot be decoded becomes U+FFFD."""
    marked = _wide(content[:_CHUNK_BYTES])
    if marked:
        return content.decode(marked, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(_narrow(content), errors="replace")


def _wide(head: bytes) -> str | None:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # Two bytes a character without a mark: one half of every ASCII character is zero.
    first, second = head[0:64:2], head[1:64:2]
    if second and not any(second) and all(first):
        return "utf-16-le"
    if second and not any(first) and all(second):
        return "utf-16-be"
    return None


def _narrow(content: bytes) -> str:
    return "cp1250" if _CENTRAL_EUROPEAN.search(content) else "cp1252"
