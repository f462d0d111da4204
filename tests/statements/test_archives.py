"""A ZIP of statements is read within limits."""

import io
import zipfile

import pytest

from dashtam.domain.errors import UnreadableFile
from dashtam.domain.statement import Statement
from dashtam.statements import archive, formats
from statements.statement_text import NOW

DAY = ":20:R\n:25:HARBDEFF/{number}\n:28C:1\n:60F:C260101EUR1,00\n:62F:C260102EUR{amount}\n-\n"


def zipped(files: dict[str, str | bytes]) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in files.items():
            target.writestr(name, text)
    return content


def read(file: io.BytesIO) -> list[Statement]:
    return list(formats.read(file, format=None, mapping=None, now=NOW))


def test_every_statement_of_an_archive_is_read_and_every_other_file_is_named() -> None:
    files: dict[str, str | bytes] = {
        "2026/a.sta": DAY.format(number=1, amount="1,50"),
        "2026/b.sta": DAY.format(number=2, amount="2,50"),
        "2026/letter.txt": "Dear customer",
        "2026/more.zip": zipped({"c.sta": DAY.format(number=3, amount="3,50")}).getvalue(),
        "__MACOSX/a.sta": "x",
        "2026/.hidden": "x",
    }
    file = zipped(files)
    assert formats.detect(file) == "mt940"
    statements = read(file)
    readings = [str(one.balance) for statement in statements for one in statement.readings]
    assert readings == ["1.50", "2.50"]
    problems = [one.detail for statement in statements for one in statement.problems]
    assert [detail[:23] for detail in problems] == [f"File {n} of the archive: " for n in (3, 4)]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({f"{n}.sta": "x" for n in range(1_001)}, r"1,000 files"),
        ({"a.sta": "x" * (archive.MAX_ENTRY_BYTES + 1)}, "longer than a statement"),
        ({"a.sta": "x" * 3_000_000}, "longer than a statement"),
        ({"readme": "Hello"}, "no statement file"),
    ],
)
def test_an_archive_beyond_the_limits_is_refused(
    files: dict[str, str | bytes], sentence: str
) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        formats.detect(zipped(files))


def test_files_that_are_long_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 100)
    with pytest.raises(UnreadableFile, match="256 MiB"):
        read(zipped({"a": "x" * 60, "b": "x" * 60}))


def test_a_damaged_archive_is_refused() -> None:
    content = zipped({"a.sta": DAY.format(number=1, amount="1,50")}).getvalue()
    for end in (40, len(content) - 5):
        with pytest.raises(UnreadableFile, match="damaged"):
            formats.detect(io.BytesIO(content[:end]))
