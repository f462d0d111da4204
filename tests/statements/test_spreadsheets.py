"""Spreadsheets are read like tables of text."""

import io
import zipfile
from xml.sax.saxutils import escape

import pytest

from dashtam.domain.errors import MappingNeeded, UnreadableFile
from dashtam.domain.statement import Statement
from dashtam.statements import formats
from statements.statement_text import NOW

ODF = "urn:oasis:names:tc:opendocument:xmlns"
TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/></Types>"""
RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
{relations}</Relationships>"""
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
# The number format 14 of the second style shows a number as a day.
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    "</styleSheet>"
)

Cell = str | float | tuple[int]


def xlsx(*sheets: list[list[Cell]]) -> io.BytesIO:
    """Return a workbook; a tuple is a day by its number."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("[Content_Types].xml", TYPES)
        workbook = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        target.writestr("_rels/.rels", RELATIONS.format(relations=workbook))
        names = "".join(
            f'<sheet name="S{n}" sheetId="{n}" r:id="s{n}"/>' for n in range(1, len(sheets) + 1)
        )
        target.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        )
        parts = "".join(
            f'<Relationship Id="s{n}" Type="{OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        parts += f'<Relationship Id="y" Type="{OFFICE}/styles" Target="styles.xml"/>'
        target.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(relations=parts))
        target.writestr("xl/styles.xml", STYLES)
        for number, rows in enumerate(sheets, start=1):
            body = "".join(f"<row>{''.join(xlsx_cell(cell) for cell in row)}</row>" for row in rows)
            target.writestr(
                f"xl/worksheets/s{number}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>',
            )
    return content


def xlsx_cell(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return f'<c s="1"><v>{cell[0]}</v></c>'
    if isinstance(cell, str):
        return f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f"<c><v>{cell!r}</v></c>"


def ods(rows: list[list[str]]) -> io.BytesIO:
    content = io.BytesIO()
    body = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p>'
            "</table:table-cell>"
            for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("mimetype", kind)
        target.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"><manifest:file-entry'
            f' manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        )
        target.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{ODF}:office:1.0"'
            f' xmlns:table="{ODF}:table:1.0" xmlns:text="{ODF}:text:1.0"><office:body>'
            "<office:spreadsheet><table:table"
            f' table:name="A">{body}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return content


def read(file: io.BytesIO) -> list[Statement]:
    assert formats.detect(file) == "workbook"
    return list(formats.read(file, format=None, mapping=None, now=NOW))


def readings(statements: list[Statement]) -> list[tuple[str, str]]:
    return [
        (str(one.captured_at.date()), str(one.balance))
        for statement in statements
        for one in statement.readings
    ]


def test_days_and_numbers_of_a_spreadsheet_are_read() -> None:
    table: list[list[Cell]] = [
        ["Statement of January"],
        ["IBAN", "LT12 3456"],
        [],
        ["Date", "Details", "Currency", "Balance"],
        [(46025,), "Paid in", "EUR", 1234.567],
        [(46026,), "Paid out", "EUR", 0.1 + 0.2],
        ["05.01.2026", "Typed", "EUR", "-12,00"],
    ]
    (statement,) = read(xlsx([["About this file"]], table))
    assert statement.identity.external_id == "LT12 3456"
    assert readings([statement])[:2] == [("2026-01-03", "1234.5670"), ("2026-01-04", "0.3")]


def test_a_sheet_of_opendocument_is_read() -> None:
    rows = [["Date", "Account", "Currency", "Balance"], ["2026-01-05", "Main", "EUR", "5.50"]]
    assert readings(read(ods(rows))) == [("2026-01-05", "5.50")]


def test_a_spreadsheet_without_balances_asks_and_a_damaged_one_is_refused() -> None:
    with pytest.raises(MappingNeeded, match="balance"):
        read(xlsx([["Date", "Amount"], [(46025,), 5.0]]))
    with pytest.raises(UnreadableFile, match="empty"):
        read(xlsx([]))
    content = xlsx([["Date", "Balance"]]).getvalue()
    with pytest.raises(UnreadableFile, match="damaged"):
        read(io.BytesIO(content[:200]))
