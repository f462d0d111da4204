"""Snapshots that are typed, imported and retracted, and their sources."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import assert_is_empty, column, upload
from application import App, Person
from dashtam.domain.account import AccountId
from dashtam.domain.sync import SyncId

AT = "2025-03-01T10:00:00Z"


def test_retracted_rows_are_in_no_answer_and_can_be_imported_again(app: App, ada: Person) -> None:
    rows = ["2025-01-01,1,Giro,EUR", "2025-01-02,2,Giro,EUR"]
    first = upload(ada, rows)
    account_id = first["accounts"][0]["account_id"]
    assert upload(ada, rows)["skipped"] == 2
    assert ada.delete(f"/syncs/{first['id']}").status_code == 204
    assert ada.delete(f"/syncs/{first['id']}").status_code == 204
    assert_is_empty(ada.history(account_id), "EUR")
    assert ada.get("/export").json()["balance_snapshots"] == []
    again = upload(ada, rows)
    assert (again["recorded"], again["skipped"]) == (2, 0)
    assert again["accounts"][0]["account_id"] == account_id
    assert column(ada.history(account_id), "balance") == ["1.00", "2.00"]
    with app.services.database.read() as work:
        assert len(list(work.balance_snapshots.links(AccountId(UUID(account_id))))) == 4
        retracted = work.syncs.get(SyncId(UUID(first["id"])))
        assert retracted is not None
        assert retracted.retracted_at is not None


def test_a_backdated_balance_stands_in_its_place(ada: Person) -> None:
    account_id = ada.account("10", captured_at="2025-03-01")
    typed = ada.type(account_id, "4", "2025-01-01")
    assert (typed["change_amount"], typed["source"]) == (None, "manual_sync")
    between = ada.type(account_id, "7", "2025-02-01")
    assert (between["change_amount"], between["change_percent"]) == ("3.00", 75.0)
    assert column(ada.history(account_id), "balance") == ["4.00", "7.00", "10.00"]
    assert ada.get("/balance-snapshots").json()["snapshots"][0]["change_amount"] == "3.00"
    assert column(ada.history(account_id), "captured_at")[0] == "2025-01-01T12:00:00Z"


def test_a_balance_of_the_future_is_refused(ada: Person, subtests: pytest.Subtests) -> None:
    for at in [
        "9999-12-31", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"
    ]:  # fmt: skip
        with subtests.test(at=at):
            account_id = ada.account()
            for path, body in {
                f"/accounts/{account_id}/balance-snapshots": {},
                "/accounts": {"name": "x", "account_type": "cash", "currency": "USD"},
            }.items():
                answer = ada.post(path, json=body | {"balance": "1", "captured_at": at})
                assert_problem(answer, 422, "unprocessable")


def test_each_way_of_recording_has_its_source(ada: Person) -> None:
    manual = ada.account("1")
    ada.type(manual, "2", "2025-02-01")
    assert column(ada.history(manual), "source") == ["initial_connection", "manual_sync"]
    done = upload(ada, ["2025-01-01,1,Giro,EUR", "2025-01-02,2,Giro,EUR"])
    upload(ada, ["2025-01-03,3,Giro,EUR", "2025-01-03,3,Neu,EUR"])
    giro = done["accounts"][0]["account_id"]
    ada.type(giro, "4", "2025-01-04")
    assert column(ada.history(giro), "source") == [
        "initial_connection",
        "initial_connection",
        "account_sync",
        "manual_sync",
    ]
    new = next(row for row in ada.get("/accounts").json()["accounts"] if row["name"] == "Neu")
    assert column(ada.history(new["id"]), "source") == ["initial_connection"]


OFX = """<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><FI><ORG>B<FID>7</FI>
</SONRS></SIGNONMSGSRSV1><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>{day}<CURDEF>USD
<INVACCTFROM><BROKERID>b<ACCTID>77</INVACCTFROM><INVPOSLIST><POSSTOCK><INVPOS><SECID><UNIQUEID>U
<UNIQUEIDTYPE>CUSIP</SECID><HELDINACCT>CASH<POSTYPE>LONG<UNITS>2<UNITPRICE>10<MKTVAL>20
<DTPRICEASOF>{day}</INVPOS></POSSTOCK></INVPOSLIST><INVBAL><AVAILCASH>5<MARGINBALANCE>0
<SHORTBALANCE>0</INVBAL></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>"""


def test_a_later_file_with_positions_is_a_sync_of_holdings(ada: Person) -> None:
    for day in ("20250101", "20250102"):
        file = OFX.format(day=day).encode()
        answer = ada.post("/imports", files={"file": ("i.ofx", file)})
        assert answer.status_code == 201, answer.text
    (account_id,) = [row["id"] for row in ada.get("/accounts").json()["accounts"]]
    history = ada.history(account_id)
    assert column(history, "source") == ["initial_connection", "holdings_sync"]
    assert column(history, "balance") == ["25.00", "25.00"]
    assert column(history, "holdings_value") == ["20.00", "20.00"]
    assert column(history, "cash_value") == ["5.00", "5.00"]
    assert ada.get(f"/accounts/{account_id}/holdings").json()["total_count"] == 1


def test_a_file_that_says_otherwise_is_recorded_and_stands_last(ada: Person) -> None:
    upload(ada, ["2025-01-01,1,Giro,EUR"])
    done = upload(ada, ["2025-01-01,2,Giro,EUR"])
    account_id = done["accounts"][0]["account_id"]
    assert column(ada.history(account_id), "balance") == ["1.00", "2.00"]
    assert upload(ada, ["2025-01-01,2,Giro,EUR"])["skipped"] == 1


def test_a_dry_run_tells_all_and_records_nothing(ada: Person) -> None:
    done = upload(ada, ["2025-01-01,1,Giro,EUR", "bad,2,Giro,EUR"], dry_run="true")
    assert (done["id"], done["dry_run"], done["recorded"], done["refused"]) == (None, True, 1, 1)
    assert done["accounts"][0]["account_id"] is None
    assert ada.get("/accounts").json()["total_count"] == 0
    assert ada.get("/connections").json()["total_count"] == 0
    assert ada.get("/syncs").json()["total_count"] == 0


def test_an_account_can_be_closed_today_before_noon(app: App, ada: Person) -> None:
    app.clock.now = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    path = f"/accounts/{ada.account()}"
    closed = ada.patch(path, json={"closed_at": "2026-11-22"})
    assert (closed.status_code, closed.json()["closed_at"]) == (200, "2026-11-22T08:30:00Z")
    assert ada.patch(path, json={"closed_at": "2026-11-22T08:31:00Z"}).status_code == 422
    assert ada.patch(path, json={"closed_at": "2026-11-23"}).status_code == 422


@pytest.mark.parametrize("name", [" ", "\u00a0\u2003", "\t", ""])
def test_a_name_has_something_to_see(ada: Person, name: str) -> None:
    body = {"name": name, "account_type": "cash", "currency": "USD", "balance": "1"}
    assert ada.post("/accounts", json=body).status_code == 422
    path = f"/accounts/{ada.account()}"
    assert ada.patch(path, json={"name": name}).status_code == 422
    assert ada.patch(path, json={"name": "  House "}).json()["name"] == "House"
    assert ada.get(path).json()["name"] == "House"


def test_the_log_tells_from_where_something_was_done(app: App, ada: Person) -> None:
    account_id = ada.account()
    ada.type(account_id, "5.00", "2025-02-01T00:00:00Z")
    ada.patch(f"/accounts/{account_id}", json={"name": "Other"})
    done = upload(ada, ["2025-01-01,1,Giro,EUR"])
    ada.delete(f"/syncs/{done['id']}")
    ada.post("/access-tokens", json={"name": "script"}, headers={"Idempotency-Key": "1"})
    with app.services.database.read() as work:
        lines = work.audit_log.newest(100, ada.id)
    events = {line.event: line.address for line in lines}
    assert set(events) == {
        "access_token_created",
        "account_changed",
        "account_created",
        "balance_typed",
        "connection_created",
        "file_imported",
        "sync_retracted",
    }
    assert set(events.values()) == {"testclient"}
