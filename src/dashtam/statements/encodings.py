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

# Beside an ASCII letter these bytes are letters in windows-1250 and signs in windows-1252; inside a
# word \xec is a letter of Czech in the one, and of no language of the other.
_CENTRAL_EUROPEAN = re.compile(
    rb"[A-Za-z][\x8d\x8f\x9d\x9f\xb3\xb9\xbe\xbf]|[\xa3\xaf\xbf][a-z]|[A-Za-z]\xec[a-z]"
)

_ASCII_END = 0x80
_CYRILLIC_START = 0xC0
_MOST = 0.9
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")
# Hiragana and katakana in Shift JIS.
_KANA = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]")


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


def find_encoding(file: BinaryIO) -> tuple[str, bool]:
    """Return the encoding of the first bytes as a mapping names it, and whether it is certain."""
    head = read_head(file)
    wide = _find_wide_encoding(head)
    if wide is not None:
        is_big = wide == "utf-16-be" or head.startswith(codecs.BOM_UTF16_BE)
        return {"utf-8-sig": "utf-8"}.get(wide, "utf-16-be" if is_big else "utf-16-le"), True
    if _decodes(head, "utf-8"):
        return "utf-8", True
    page = _guess_code_page(head)
    return {"cp932": "shift_jis"}.get(page, page.replace("cp", "windows-")), False


class TranscodedFile:
    """A file as UTF-8, in whatever encoding its bytes are."""

    def __init__(self, file: BinaryIO) -> None:
        self._blocks = iter_text(file, None)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; none at the end of the file."""
        while len(self._rest) < size:
            text = next(self._blocks, None)
            if text is None:
                break
            self._rest += text.encode("utf-8", errors="replace")
        block, self._rest = self._rest[:size], self._rest[size:]
        return block


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
    """Return the likeliest encoding of text that is not UTF-8."""
    high = [byte for byte in content[:_BLOCK_BYTES] if byte >= _ASCII_END]
    runs = _HIGH_RUN.findall(content[:_BLOCK_BYTES])
    in_runs = sum(map(len, runs))
    if 2 * in_runs > len(high):
        # Letters outside ASCII stand alone in the words of Latin scripts, and together in others.
        if sum(byte >= _CYRILLIC_START for byte in high) > _MOST * len(high):
            return "cp1251"
        if _KANA.search(content) and _decodes(content, "cp932"):
            return "cp932"
        return "gb18030" if _decodes(content, "gb18030") else "cp932"
    return "cp1250" if _CENTRAL_EUROPEAN.search(content) else "cp1252"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        # A block may end in the middle of a character.
        codecs.getincrementaldecoder(encoding)("strict").decode(content)
    except UnicodeDecodeError:
        return False
    return True
