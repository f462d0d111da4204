"""The holdings of accounts, as investment statements are imported and retracted."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.application.imports import file_import
from dashtam.application.provider import Report
from scripted_provider import account, position

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


def held(person: Person, path: str = "/holdings", **query: str) -> Sequence[str]:
    found = person.get(path, params=query)
    assert found.status_code == 200, found.text
    return [holding["symbol"] for holding in found.json()["holdings"]]


def stored(app: App) -> list[tuple[int, int | None]]:
    """The number of each set of the only account, and that of the earlier set it equals."""
    rows = app.query("SELECT number, same_as FROM position_sets ORDER BY number")
    return [(row.number, row.same_as) for row in rows]


def sync(app: App, person: Person, *symbols: str) -> Any:  # noqa: ANN401 - JSON
    (connection,) = person.get("/connections").json()["connections"]
    app.clock.advance(days=1)
    positions = [position(symbol, "2.00", app.clock()) for symbol in symbols]
    app.provider.usual = Report([account("100.00", positions=positions)])
    done = person.post(f"/connections/{connection['id']}/syncs", json={"force": True})
    assert done.status_code == 201, done.text
    return done.json()


def test_a_retraction_takes_the_positions_of_its_run_back(ada: Person) -> None:
    done = imported(ada, EXAMPLE.read_text())
    assert held(ada)
    assert ada.delete(f"/syncs/{done['id']}").status_code == 204
    assert held(ada) == []
    imported(ada, statement("20250131", "JAN"))
    wrong = imported(ada, statement("20250331", "MAR"))
    ada.delete(f"/syncs/{wrong['id']}")
    assert held(ada) == ["JAN"]
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


def test_a_set_that_did_not_change_is_stored_once(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, "VTI", "BND")
    ids = [holding["id"] for holding in ada.get("/holdings").json()["holdings"]]
    sync(app, ada, "BND", "VTI")
    sync(app, ada, "VTI")
    sync(app, ada, "VTI")
    sync(app, ada, "BND", "VTI")
    assert stored(app) == [(1, None), (2, 1), (3, None), (4, 3), (5, None)]
    assert [holding["id"] for holding in ada.get("/holdings").json()["holdings"]] == ids
    assert ada.get("/holdings").json()["holdings"][0]["as_of"].startswith("2026-")
    report = verify(app.services.database)
    assert (report.found, report.position_sets) == (0, 5)


def test_equal_positions_twice_are_two(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, "VTI", "VTI")
    found = ada.get("/holdings", params={"limit": 1}).json()
    assert found["total_count"] == 2
    behind = ada.get("/holdings", params={"cursor": found["next_cursor"]}).json()["holdings"]
    (first,), (second,) = found["holdings"], behind
    assert first["id"] != second["id"]
    assert first | {"id": None} == second | {"id": None}


def test_the_positions_of_a_day_are_those_last_told_until_then(ada: Person) -> None:
    done = imported(ada, statement("20250131", "JAN"))
    imported(ada, statement("20250331", "MAR", "NEW"))
    account_id = done["accounts"][0]["account_id"]
    for path in ("/holdings", f"/accounts/{account_id}/holdings"):
        assert held(ada, path, at="2025-01-30") == []
        assert held(ada, path, at="2025-01-31") == ["JAN"]
        assert held(ada, path, at="2025-03-30T23:00:00Z") == ["JAN"]
        assert held(ada, path, at="2025-03-31") == ["MAR", "NEW"]
        assert held(ada, path, at="2040-01-01") == ["MAR", "NEW"]
        assert ada.get(path, params={"at": "soon"}).status_code == 400


def test_positions_are_known_as_they_were(app: App, ada: Person) -> None:
    app.connected(ada)
    begun = app.clock().isoformat()
    sync(app, ada, "VTI")
    before = app.clock().isoformat()
    run = sync(app, ada, "BND")
    wrong = app.clock().isoformat()
    app.clock.advance(days=1)
    assert ada.delete(f"/syncs/{run['id']}").status_code == 204
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    for path in ("/holdings", f"/accounts/{account_id}/holdings"):
        assert held(ada, path) == ["VTI"]
        assert held(ada, path, known_at=begun) == []
        assert held(ada, path, known_at=before) == ["VTI"]
        assert held(ada, path, known_at=wrong) == ["BND"]
        assert held(ada, path, known_at=wrong, at=before) == ["VTI"]
        later = (app.clock() + timedelta(days=1)).isoformat()
        assert ada.get(path, params={"known_at": later}).status_code == 400


def test_a_retracted_snapshot_takes_its_positions_out(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, "VTI")
    sync(app, ada, "BND")
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    newest = ada.get(f"/accounts/{account_id}/balance-snapshots").json()["snapshots"][0]
    path = f"/accounts/{account_id}/balance-snapshots/{newest['id']}"
    assert ada.delete(path).status_code == 204
    assert held(ada) == ["VTI"]


def test_a_corrected_balance_keeps_its_positions(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, "VTI")
    account_id = ada.get("/accounts").json()["accounts"][0]["id"]
    newest = ada.get(f"/accounts/{account_id}/balance-snapshots").json()["snapshots"][0]
    path = f"/accounts/{account_id}/balance-snapshots/{newest['id']}/correction"
    assert ada.post(path, json={"balance": "7", "reason": "It was wrong."}).status_code == 201
    assert held(ada) == ["VTI"]


def test_the_export_has_every_set(app: App, ada: Person) -> None:
    app.connected(ada)
    sync(app, ada, "VTI")
    at = app.clock().isoformat()
    sync(app, ada, "VTI")
    run = sync(app, ada, "BND")
    ada.delete(f"/syncs/{run['id']}")
    exported = ada.get("/export").json()
    sets = exported["position_sets"]
    assert [(one["number"], one["same_as"]) for one in sets] == [(1, None), (2, 1), (3, None)]
    symbols = [[each["symbol"] for each in one["positions"] or ()] for one in sets]
    assert symbols == [["VTI"], [], ["BND"]]
    assert [holding["symbol"] for holding in exported["holdings"]] == ["VTI"]
    earlier = ada.get("/export", params={"known_at": at}).json()
    assert [one["number"] for one in earlier["position_sets"]] == [1]
    assert len(earlier["holdings"]) == 1


def test_a_long_file_has_its_positions_once_it_is_complete(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "_PIECE", 1)
    one, two = statement("20250131", "JAN"), statement("20250228", "FEB")
    begin, end = "<INVSTMTTRNRS>", "</INVSTMTTRNRS>"
    second = begin + two.split(begin)[1].split(end)[0] + end
    imported(ada, one.replace(end, end + second))
    assert held(ada) == ["FEB"]
    assert held(ada, at="2025-02-01") == ["JAN"]
