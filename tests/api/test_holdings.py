"""The holdings of accounts, as investment statements are imported and retracted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from application import Person

EXAMPLE = Path(__file__).parents[2] / "examples" / "quincefield-brokerage.qfx"
STATEMENT = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Harbour</ORG><FID>12</FID></FI></SONRS></SIGNONMSGSRSV1>
<INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>{day}</DTASOF><CURDEF>USD</CURDEF>
<INVACCTFROM><BROKERID>harbour</BROKERID><ACCTID>990</ACCTID></INVACCTFROM>
<INVPOSLIST>{positions}</INVPOSLIST><INVBAL><AVAILCASH>{cash}</AVAILCASH></INVBAL>
</INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>
"""
POSITION = (
    "<POSSTOCK><INVPOS><SECID><UNIQUEID>{symbol}</UNIQUEID><UNIQUEIDTYPE>CUSIP</UNIQUEIDTYPE>"
    "</SECID><HELDINACCT>CASH</HELDINACCT><POSTYPE>LONG</POSTYPE><UNITS>1</UNITS>"
    "<UNITPRICE>2.00</UNITPRICE><MKTVAL>2.00</MKTVAL><DTPRICEASOF>{priced}</DTPRICEASOF></INVPOS>"
    "</POSSTOCK>"
)


def imported(person: Person, content: str) -> Any:  # noqa: ANN401 - JSON
    answer = person.post("/imports", files={"file": ("statement", content.encode())})
    assert answer.status_code == 201, answer.text
    return answer.json()


def statement(day: str, *symbols: str, cash: str = "5.00", priced: str = "") -> str:
    positions = [POSITION.format(symbol=symbol, priced=priced or day) for symbol in symbols]
    return STATEMENT.format(day=day, positions="".join(positions), cash=cash)


def held(person: Person) -> Sequence[str]:
    return [holding["symbol"] for holding in person.get("/holdings").json()["holdings"]]


def test_a_retraction_takes_the_positions_of_its_run_back(ada: Person) -> None:
    done = imported(ada, EXAMPLE.read_text())
    assert held(ada)
    assert ada.delete(f"/syncs/{done['id']}").status_code == 204
    assert held(ada) == []
    imported(ada, statement("20250131", "JAN"))
    wrong = imported(ada, statement("20250331", "MAR"))
    ada.delete(f"/syncs/{wrong['id']}")
    assert held(ada) == []
    imported(ada, statement("20250228", "FEB"))
    assert held(ada) == ["FEB"]


def test_the_retraction_of_another_run_leaves_positions_alone(ada: Person) -> None:
    older = imported(ada, statement("20250131", "JAN"))
    imported(ada, statement("20250228", "FEB"))
    ada.delete(f"/syncs/{older['id']}")
    assert held(ada) == ["FEB"]


def test_positions_that_were_sold_do_not_come_back_with_an_older_file(ada: Person) -> None:
    imported(ada, statement("20250131", "JAN"))
    imported(ada, statement("20250331"))
    assert held(ada) == []
    imported(ada, statement("20250228", "FEB"))
    assert held(ada) == []
    imported(ada, statement("20250430", "APR"))
    assert held(ada) == ["APR"]


def test_the_day_of_a_price_is_not_the_day_of_the_statement(ada: Person) -> None:
    imported(ada, statement("20250131", "JAN", priced="20250515"))
    imported(ada, statement("20250228", "FEB"))
    assert held(ada) == ["FEB"]
