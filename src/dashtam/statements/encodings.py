"""Encodings: the bytes of a statement file, and the text in them."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from dashtam.domain.errors import UnreadableFile

# A year of one account's statements is far below this; only CSV files may be longer.
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024

_BLOCK_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Beside an ASCII letter these bytes are letters in windows-1250 and signs in windows-1252.
_CENTRAL_EUROPEAN = re.compile(rb"[A-Za-z][\x8d\x8f\x9d\x9f\xb3\xb9\xbe\xbf]|[\xa3\xaf\xbf][a-z]")


def read_head(file: BinaryIO) -> bytes:
    """Return the first 64 KiB."""
    file.seek(0)
    return file.read(_BLOCK_BYTES)


def read_document(file: BinaryIO) -> bytes:
    """Return every byte of the file.

    Raises:
        UnreadableFile: it is longer than a statement can be.
    """
    file.seek(0)
    content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UnreadableFile(detail="This file is larger than the 32 MiB a statement may have.")
    return content


def decode_document(content: bytes) -> str:
    """Return the text, without a byte order mark; undecodable bytes become U+FFFD."""
    wide = _find_wide_encoding(content[:_BLOCK_BYTES])
    if wide:
        return content.decode(wide, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(_guess_code_page(content), errors="replace")


def iter_text(file: BinaryIO, encoding: str | None) -> Iterator[str]:
    """Yield the text in blocks of 64 KiB, the same at each reading.

    Without an encoding a byte order mark or the first bytes decide; else the text is UTF-8 up to
    the first block that is not, and in a code page of Windows from there on.
    """
    block = read_head(file)
    known = encoding or _find_wide_encoding(block)
    decoder = codecs.getincrementaldecoder(known or "utf-8")("replace" if known else "strict")
    while True:
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            decoder = codecs.getincrementaldecoder(_guess_code_page(error.object))("replace")
            text = decoder.decode(error.object)
        yield text
        if not block:
            return
        block = file.read(_BLOCK_BYTES)


def _find_wide_encoding(head: bytes) -> str | None:
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


def _guess_code_page(content: bytes) -> str:
    return "cp1250" if _CENTRAL_EUROPEAN.search(content) else "cp1252"
