"""Statement files over HTTP: the rows that are recorded, the answers and the errors."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from application import App, Person
from dashtam.database.engine import open_engine
from dashtam.database.tables import metadata

OFX_1 = """OFXHEADER:100
DATA:OFXSGML
VERSION:102

<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG>Harbour<FID>12</FI></SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1>{statements}</BANKMSGSRSV1></OFX>
"""
OFX_2 = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><SIGNONMSGSRSV1><SONRS><FI><ORG> Harbour </ORG><FID>12</FID></FI></SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1>{statements}</BANKMSGSRSV1></OFX>
"""
CLOSED = (
    "<STMTTRNRS><STMTRS><CURDEF>USD</CURDEF><BANKACCTFROM><BANKID>{bank}</BANKID>"
    "<ACCTID>{number}</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM><LEDGERBAL>"
    "<BALAMT>{balance}</BALAMT><DTASOF>{day}</DTASOF></LEDGERBAL></STMTRS></STMTTRNRS>"
)
MONARCH = "Date,Balance,Account\n"
YEAR = MONARCH + "".join(f"2025-{month:02}-01,{month}00.50,Everyday\n" for month in range(1, 13))
MT940 = """{{1:F01HARBDEFFAXXX0000000000}}{{2:O9400000250101HARBDEFFAXXX00000000002501010000N}}{{4:
:20:A
:25:DE89370400440532013000
:28C:1/1
:60F:C250101EUR0,
:62F:C250102EUR{balance}
-}}
"""
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Acct><Id>
<IBAN>DE89 3704 0044 0532 0130 00</IBAN></Id><Svcr><FinInstnId><BICFI>HARBDEFF</BICFI></FinInstnId>
</Svcr></Acct><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">20.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-01-03</Dt></Dt></Bal></Stmt></BkToCstmrStmt></Document>
"""
LOAN = (
    "<LOANSTMTTRNRS><LOANSTMTRS><CURDEF>USD</CURDEF><LOANACCTFROM><LOANACCTID>L-77001</LOANACCTID>"
    "<LOANACCTTYPE>MORTGAGE</LOANACCTTYPE></LOANACCTFROM><PRINBAL><BALAMT>{owed}</BALAMT>"
    "<DTASOF>{day}</DTASOF></PRINBAL></LOANSTMTRS></LOANSTMTTRNRS>"
)
SLUGS = [
    "ofx",
    "mt940",
    "camt053",
    "balance_csv",
    "workbook",
    "coda",
    "norma43",
    "cfonb120",
    "bai2",
    "qif",
]


def send(person: Person, content: str, **fields: Any) -> Any:  # noqa: ANN401 - a response
    """Send a statement file as a form does."""
    texts = {name: str(value) for name, value in fields.items()}
    return person.post("/imports", files={"file": ("file", content.encode())}, data=texts)


def imported(person: Person, content: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    """Import a file that can be used."""
    answer = send(person, content, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def refused(person: Person, content: str, **fields: Any) -> Any:  # noqa: ANN401 - JSON
    """Send a file of which nothing can be used, and see that nothing came of it."""
    before = person.get("/accounts").json(), person.get("/connections").json()
    answer = send(person, content, **fields)
    assert answer.status_code == 422, answer.text
    assert (person.get("/accounts").json(), person.get("/connections").json()) == before
    return answer.json()


def balances(person: Person, account_id: str) -> list[str]:
    return [row["balance"] for row in person.history(account_id)["snapshots"]]


def counts(answer: dict[str, Any]) -> Sequence[int]:
    return answer["recorded"], answer["skipped"], answer["refused"]


def closed(number: str = "0012345", balance: str = "10.00", day: str = "20250101") -> str:
    return CLOSED.format(bank="123", number=number, balance=balance, day=day)


def loan(owed: str, day: str) -> str:
    return OFX_2.format(statements=LOAN.format(owed=owed, day=day))


def test_a_dry_run_tells_the_same_and_records_nothing(ada: Person) -> None:
    dry = imported(ada, YEAR + "2025-02-30,1,Everyday\n", dry_run="true")
    assert dry["id"] is None
    assert dry["dry_run"] is True
    assert dry["accounts"][0]["account_id"] is None
    assert ada.get("/accounts").json()["total_count"] == 0
    assert ada.get("/connections").json()["total_count"] == 0
    real = imported(ada, YEAR + "2025-02-30,1,Everyday\n", dry_run="false")
    assert counts(dry) == counts(real) == (12, 0, 1)
    told = real["accounts"][0] | {
        "account_id": None,
        "preview": dry["accounts"][0]["preview"],
    }
    assert dry["accounts"] == [told]
    assert told["problems"][0]["line"] == 14


def test_the_same_file_again_is_skipped_and_a_corrected_one_stands_last(ada: Person) -> None:
    first = imported(ada, YEAR)
    account_id = first["accounts"][0]["account_id"]
    assert first["accounts"][0]["is_new"] is True
    again = imported(ada, YEAR)
    assert counts(again) == (0, 12, 0)
    assert again["accounts"][0]["is_new"] is False
    corrected = imported(ada, YEAR.replace("-03-01,300.50", "-03-01,333.50"))
    assert counts(corrected) == (1, 11, 0)
    history = ada.history(account_id)["snapshots"]
    assert [row["balance"] for row in history[2:4]] == ["300.50", "333.50"]
    assert [row["source"] for row in history[2:4]] == ["initial_connection", "account_sync"]


def test_an_account_that_only_retracted_imports_made_can_be_removed(app: App, ada: Person) -> None:
    first = imported(ada, "Date,Balance,Account\n2025-01-15,20000.00,Brokerage\n")
    account_id = first["accounts"][0]["account_id"]
    path = f"/accounts/{account_id}"
    assert ada.delete(path).status_code == 409
    assert ada.delete(f"/syncs/{first['id']}").status_code == 204
    assert app.person("eve@example.org").delete(path).status_code == 403
    assert ada.delete(path).status_code == 204
    assert ada.get("/accounts").json()["accounts"] == []
    period = "start_date=2020-01-01&end_date=2030-01-01"
    for gone in (path, f"{path}/balance-history?{period}", f"{path}/balance-snapshots"):
        assert ada.get(gone).status_code == 404, gone
    assert ada.delete(path).status_code == 404
    exported = ada.get("/export").json()
    assert exported["accounts"] == []
    assert [event["kind"] for event in exported["account_events"]] == ["settings", "settings"]

    kind = {"mapping": json.dumps({"account_type": "savings"})}
    again = imported(ada, "Date,Balance,Account\n2025-01-16,300.00,Brokerage\n", **kind)
    (back,) = again["accounts"]
    assert (back["account_id"], back["is_new"]) == (account_id, True)
    assert ada.get(path).json()["account_type"] == "savings"
    details = [one["detail"] for one in ada.get(f"{path}/revisions").json()["revisions"]]
    assert "The account was removed." in details
    assert "An import brought the removed account back." in details


def test_a_run_can_be_followed_from_its_answer(ada: Person) -> None:
    answer = send(ada, YEAR)
    run = ada.client.get(
        answer.headers["location"], headers={"Authorization": f"Bearer {ada.token}"}
    ).json()
    assert (run["id"], run["state"], run["recorded"]) == (answer.json()["id"], "succeeded", 12)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("year.csv", "year.csv"),
        ("/home/ada/year.csv", "year.csv"),
        (r"C:\Users\ada\year.csv", "year.csv"),
        ("a\x1b[31m\u202eb.csv", "a[31mb.csv"),
    ],
)
def test_a_run_keeps_the_name_the_format_and_the_days_of_its_file(
    ada: Person, sent: str, kept: str
) -> None:
    answer = ada.post("/imports", files={"file": (sent, YEAR.encode())})
    run = ada.get(f"/syncs/{answer.json()['id']}").json()
    fields = [run[name] for name in ("file_name", "file_format", "first_on", "last_on", "mapping")]
    assert fields == [kept, "balance_csv", "2025-01-01", "2025-12-01", None]
    assert ada.get("/syncs").json()["syncs"] == [run]
    assert ada.get("/export").json()["syncs"] == [run]


def test_a_run_keeps_the_mapping_and_the_remarks(ada: Person) -> None:
    mapping = {"date": "Date", "balance": "Balance", "currency_code": "EUR"}
    imported(ada, YEAR, mapping=json.dumps(mapping), account_id=ada.account(currency="EUR"))
    imported(
        ada,
        "01,HARBOUR,CUSTOMER,250102,0600,1,,,2/\n02,CUSTOMER,HARBOUR,1,250101,,USD,2/\n"
        "03,0012345,USD,030,1000,,/\n49,1000,2/\n98,1000,1,4/\n99,1000,1,6/\n",
    )
    remarked, mapped = ada.get("/syncs").json()["syncs"][:2]
    assert (mapped["mapping"], remarked["mapping"]) == (mapping, None)
    assert mapped["accounts"][0]["remarks"] == []
    assert remarked["accounts"][0]["remarks"] == [
        "No closing balance is given: the current ledger balance (030) was taken."
    ]


def test_an_account_of_the_senders_choice_is_recorded_into(ada: Person) -> None:
    account_id = ada.account()
    done = imported(ada, YEAR, account_id=account_id)
    assert done["accounts"][0]["account_id"] == account_id
    assert len(balances(ada, account_id)) == 13
    assert ada.get("/accounts").json()["total_count"] == 1


def test_a_file_that_names_no_account_is_of_the_chosen_one(ada: Person) -> None:
    account_id = ada.account("0", currency="EUR", name="Cash box")
    file = "Date,Balance\n2025-02-01,5.00\n2025-02-02,6.25\n"
    assert "account_name" in refused(ada, file)["detail"]
    done = imported(ada, file, account_id=account_id)
    assert (done["recorded"], [one["account_id"] for one in done["accounts"]]) == (2, [account_id])
    assert ada.history(account_id)["end_balance"] == "6.25"


@pytest.mark.parametrize(
    ("content", "currency"), [(YEAR, "EUR"), (YEAR + "2025-01-01,1.00,Savings\n", "USD")]
)
def test_a_file_that_does_not_fit_the_account_is_refused(
    ada: Person, content: str, currency: str
) -> None:
    account_id = ada.account(currency=currency)
    problem = refused(ada, content, account_id=account_id)
    assert "another currency" in problem["detail"]
    assert len(balances(ada, account_id)) == 1


def test_a_connection_of_the_senders_choice_holds_the_accounts(ada: Person) -> None:
    imported(ada, OFX_1.format(statements=closed()))
    (connection,) = ada.get("/connections").json()["connections"]
    done = imported(ada, YEAR, connection_id=connection["id"])
    account = ada.get(f"/accounts/{done['accounts'][0]['account_id']}").json()
    assert account["connection_id"] == connection["id"]
    assert ada.get("/connections").json()["total_count"] == 1


@pytest.mark.parametrize("name", ["account_id", "connection_id"])
def test_a_destination_that_is_not_ones_own_is_not_found(app: App, ada: Person, name: str) -> None:
    eve = app.person("eve@example.com")
    hers = eve.account()
    foreign = {
        "account_id": hers,
        "connection_id": eve.get(f"/accounts/{hers}").json()["connection_id"],
    }[name]
    for chosen in (foreign, uuid4()):
        answer = send(ada, YEAR, **{name: chosen})
        assert answer.status_code == 404, answer.text
    assert ada.get("/accounts").json()["total_count"] == 0
    assert len(balances(eve, hers)) == 1


def test_a_mapping_reads_columns_that_no_header_names(ada: Person) -> None:
    rows = "31.12.2024;1.234,50\n31.01.2025;-5,00\n"
    mapping = {
        "header": False,
        "date": 1,
        "date_format": "DD.MM.YYYY",
        "balance": 2,
        "decimal": ",",
        "account_name": "Haushalt",
        "currency_code": "EUR",
        "sign": -1,
    }
    done = imported(ada, rows, format="balance_csv", mapping=json.dumps(mapping))
    (account,) = done["accounts"]
    assert (account["name"], account["currency"]) == ("Haushalt", "EUR")
    assert balances(ada, account["account_id"]) == ["-1234.50", "5.00"]


def test_a_table_without_a_mapping_asks_all_questions_at_once(ada: Person) -> None:
    table = "Tag;Stand\n31.12.2024;1,50\n"
    problem = refused(ada, table)
    assert {one["pointer"] for one in problem["errors"]} == {
        "/mapping",
        "/mapping/date",
        "/mapping/balance",
        "/mapping/account_name",
        "/mapping/currency_code",
    }
    (hint,) = [one["detail"] for one in problem["errors"] if one["code"] == "example_mapping"]
    assert imported(ada, table, mapping=hint[hint.index("{") :])["recorded"] == 1


def test_an_unknown_format_is_answered_with_the_known_ones(ada: Person) -> None:
    problem = refused(ada, YEAR, format="xls")
    assert problem["errors"][0]["pointer"] == "/format"
    for slug in SLUGS:
        assert slug in problem["detail"]
    assert [known["slug"] for known in ada.get("/imports/formats").json()["formats"]] == SLUGS


def test_files_of_one_bank_share_its_connection_in_any_format(ada: Person) -> None:
    first = imported(ada, MT940.format(balance="10,00"))
    second = imported(ada, CAMT)
    assert [first["format"], second["format"]] == ["mt940", "camt053"]
    (connection,) = ada.get("/connections").json()["connections"]
    assert connection["name"] == "HARBDEFF"
    assert first["accounts"][0]["account_id"] == second["accounts"][0]["account_id"]
    assert balances(ada, first["accounts"][0]["account_id"]) == ["10.00", "20.00"]


def test_an_account_is_the_same_where_its_number_is_the_same_text(ada: Person) -> None:
    told = [
        imported(ada, OFX_1.format(statements=closed(day="20250101"))),
        imported(ada, OFX_2.format(statements=closed(" 0012345 ", day="20250102"))),
        imported(ada, OFX_2.format(statements=closed("\n0012345", day="20250103"))),
    ]
    assert len({answer["accounts"][0]["account_id"] for answer in told}) == 1
    for other in ("12345", "00 12345", "0012345-1"):
        done = imported(ada, OFX_2.format(statements=closed(other)))
        assert done["accounts"][0]["is_new"] is True
    assert ada.get("/connections").json()["total_count"] == 1


def test_a_file_that_is_good_in_part_is_used_in_part(ada: Person) -> None:
    statements = [
        closed("111122223333", "4999444.x"),
        closed("444455556666", "7.00"),
        closed("777788889999", "8.00", "20991231"),
        closed("", "9.00"),
        closed("444455556666", "oops", "20250102"),
        closed("121212121212").replace("USD", "950"),
    ]
    done = imported(ada, OFX_1.format(statements="".join(statements)))
    assert counts(done) == (1, 0, 5)
    (account,) = done["accounts"]
    assert account["name"] == "Checking ••••6666"
    assert [problem["detail"] for problem in account["problems"]] == [
        "LEDGERBAL.BALAMT is not an amount of money.",
        "Checking ••••3333: LEDGERBAL.BALAMT is not an amount of money.",
        "Checking ••••9999: LEDGERBAL.DTASOF lies in the future.",
        "ACCTID is missing: no account is named.",
        "Checking ••••1212: CURDEF is not a three-letter currency code of ISO 4217.",
    ]
    assert ada.get("/accounts").json()["total_count"] == 1
    run = ada.get(f"/syncs/{done['id']}").json()
    assert run["state"] == "partial"


def test_rows_that_cannot_be_used_are_told_with_their_account(ada: Person) -> None:
    rows = "x,1.00,Savings\n2025-01-01,1.00,Everyday\n2025-01-01,y,Jar\n2025-01-01,2.00,Savings\n"
    done = imported(ada, MONARCH + rows)
    told = {
        account["name"]: [problem["line"] for problem in account["problems"]]
        for account in done["accounts"]
    }
    # The jar has no balance, so its line is told with the first account.
    assert told == {"Savings": [2, 4], "Everyday": []}
    assert counts(done) == (2, 0, 2)


@pytest.mark.parametrize(
    ("kind", "code"), [("ITBD", "interim_balance"), ("CLAV", "available_balance")]
)
def test_a_balance_that_is_not_the_closing_booked_one_has_a_remark(
    ada: Person, kind: str, code: str
) -> None:
    file = CAMT.replace("CLBD", kind)
    dry, real = imported(ada, file, dry_run="true"), imported(ada, file)
    for (account,) in (dry["accounts"], real["accounts"]):
        assert counts(account) == (1, 0, 0)
        assert account["problems"] == []
        (remark,) = account["remarks"]
        assert (remark["line"], remark["code"]) == (None, code)
        assert kind in remark["detail"]
    assert imported(ada, CAMT.replace("01-03", "01-04"))["accounts"][0]["remarks"] == []


def day_report(kind: str, balance: str) -> str:
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.052.001.02"><BkToCstmrAcctRpt><Rpt>'
        "<Acct><Id><IBAN>DE0012345099</IBAN></Id></Acct><Bal><Tp><CdOrPrtry>"
        f'<Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{balance}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-03-01</Dt></Dt></Bal></Rpt></BkToCstmrAcctRpt>"
        "</Document>"
    )


def test_a_closing_balance_stands_over_interim_ones_in_any_order(ada: Person) -> None:
    stands: list[tuple[str, str]] = []
    dry: list[tuple[int, int]] = []
    for kind, balance in (
        ("ITBD", "100.00"),
        ("CLAV", "90.00"),
        ("CLBD", "90.00"),
        ("ITBD", "80.00"),
        ("CLBD", "70.00"),
    ):
        content = day_report(kind, balance)
        shown = imported(ada, content, dry_run="true")
        done = imported(ada, content)
        assert counts(shown) == counts(done)
        dry.append((done["recorded"], done["skipped"]))
        (latest,) = ada.get("/balance-snapshots?detail=evidence").json()["snapshots"]
        stands.append((latest["balance"], latest["evidence"]["basis"]))
    assert stands == [
        ("100.00", "interim"),
        ("90.00", "interim"),
        ("90.00", "reported"),
        ("90.00", "reported"),
        ("70.00", "reported"),
    ]
    assert dry == [(1, 0), (1, 0), (1, 0), (0, 1), (1, 0)]


def test_a_sign_that_nothing_proves_is_remarked(ada: Person) -> None:
    done = imported(ada, CAMT.replace("<CdtDbtInd>CRDT</CdtDbtInd>", ""))
    assert counts(done) == (1, 0, 0)
    (remark,) = done["accounts"][0]["remarks"]
    assert remark["code"] == "sign_assumed"


def test_a_balance_that_fits_neither_sign_is_refused(ada: Person) -> None:
    head, statement, tail = (
        CAMT.replace("<Stmt>", "|<Stmt>").replace("</Stmt>", "</Stmt>|").split("|")
    )
    unsigned = statement.replace("<CdtDbtInd>CRDT</CdtDbtInd>", "").replace("01-03", "01-04")
    opening = (
        '<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">7.00</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-01-04</Dt></Dt></Bal></Stmt>"
    )
    done = imported(ada, head + statement + unsigned.replace("</Stmt>", opening) + tail)
    assert counts(done) == (1, 0, 1)
    (problem,) = done["accounts"][0]["problems"]
    assert problem["code"] == "missing_sign"


def test_nothing_usable_is_refused_with_reasons_and_without_content(ada: Person) -> None:
    rows = "2025-01-01,4999444.x,Everyday\n31-31-4999,5.00,Everyday\n2025-01-01,6.00,\n"
    problem = refused(ada, MONARCH + rows)
    assert [one["detail"] for one in problem["errors"]] == [
        "Line 2: Balance is not an amount of money.",
        "Line 3: Date is not a date of the calendar.",
        "Line 4: Account is missing.",
    ]
    assert {one["pointer"] for one in problem["errors"]} == {"/file"}
    assert "4999" not in json.dumps(problem)
    assert "Everyday" not in json.dumps(problem)


def test_balances_of_a_day_without_an_order_are_refused_together(ada: Person) -> None:
    problem = refused(ada, MONARCH + "2025-01-01,1.00,A\n2025-01-01,2.00,A\n")
    assert [one["code"] for one in problem["errors"]] == ["conflicting_balance"] * 2


def test_a_loans_principal_counts_as_a_debt(ada: Person) -> None:
    done = imported(ada, loan("250000.00", "20250301"))
    account = ada.get(f"/accounts/{done['accounts'][0]['account_id']}").json()
    assert (account["account_type"], account["balance_sign"]) == ("mortgage", -1)
    assert balances(ada, account["id"]) == ["-250000.00"]


def test_a_loans_principal_stays_a_debt_in_an_account_kept_by_hand(ada: Person) -> None:
    account_id = ada.account("-251000", account_type="mortgage")
    imported(ada, loan("250000.00", "20250301"), account_id=account_id)
    again = imported(ada, loan("250000.00", "20250301"), account_id=account_id)
    assert balances(ada, account_id) == ["-251000.00", "-250000.00"]
    assert counts(again) == (0, 1, 0)


@pytest.mark.parametrize("first", ["0.00", "1200.00", "-1200.00"])
@pytest.mark.parametrize("then", ["800.00", "-800.00"])
def test_a_loans_principal_is_a_debt_after_any_first_file(
    ada: Person, first: str, then: str
) -> None:
    done = imported(ada, loan(first, "20250301"))
    imported(ada, loan(then, "20250401"))
    account_id = done["accounts"][0]["account_id"]
    owed = "0.00" if first == "0.00" else "-1200.00"
    assert balances(ada, account_id) == [owed, "-800.00"]


def test_an_owners_sign_stands_where_the_file_does_not_tell_one(ada: Person) -> None:
    done = imported(ada, MONARCH + "2025-01-01,500.00,Bike\n")
    account_id = done["accounts"][0]["account_id"]
    ada.patch(f"/accounts/{account_id}", json={"balance_sign": -1})
    rows = MONARCH + "2025-01-01,500.00,Bike\n2025-02-01,400.00,Bike\n"
    assert counts(imported(ada, rows)) == (1, 1, 0)
    assert balances(ada, account_id) == ["-500.00", "-400.00"]
    told = imported(ada, MONARCH + "2025-03-01,300.00,Bike\n", mapping='{"sign": -1}')
    assert told["accounts"][0]["account_id"] == account_id
    assert balances(ada, account_id)[-1] == "-300.00"


def test_a_run_that_finds_all_known_reaches_account_and_connection_alike(
    app: App, ada: Person
) -> None:
    account_id = imported(ada, YEAR)["accounts"][0]["account_id"]
    assert synced(ada, account_id) == synced(ada, account_id)[::-1]
    first = synced(ada, account_id)
    app.clock.advance(seconds=1)
    assert counts(imported(ada, YEAR)) == (0, 12, 0)
    again = synced(ada, account_id)
    assert again[0] == again[1] > first[0]
    app.clock.advance(seconds=1)
    ada.type(account_id, "5.00", "2025-12-25")
    typed = synced(ada, account_id)
    assert typed[0] == typed[1] > again[0]


def synced(person: Person, account_id: str) -> Sequence[str]:
    account = person.get(f"/accounts/{account_id}").json()
    connection = person.get(f"/connections/{account['connection_id']}").json()
    return [account["last_synced_at"], connection["last_synced_at"]]


def test_a_bank_that_calls_itself_manual_gets_a_connection_of_its_own(ada: Person) -> None:
    file = OFX_1.replace("<ORG>Harbour<FID>12", "<ORG>manual").format(statements=closed())
    done = imported(ada, file)
    mine = ada.get(f"/accounts/{ada.account()}").json()
    banks = ada.get(f"/accounts/{done['accounts'][0]['account_id']}").json()
    assert mine["connection_id"] != banks["connection_id"]
    connections = ada.get("/connections").json()["connections"]
    assert sorted(connection["provider"] for connection in connections) == ["manual", "ofx"]


def test_a_destination_that_does_not_fit_is_refused(app: App, ada: Person) -> None:
    by_hand = ada.account()
    manual = ada.get(f"/accounts/{by_hand}").json()["connection_id"]
    problem = refused(ada, YEAR, connection_id=manual)
    assert problem["errors"][0]["code"] == "not_of_files"
    files = imported(ada, OFX_1.format(statements=closed()))["accounts"][0]["account_id"]
    of_files = ada.get(f"/accounts/{files}").json()["connection_id"]
    problem = refused(ada, YEAR, connection_id=of_files, account_id=by_hand)
    assert problem["errors"][0]["code"] == "not_its_own"
    make_live(app, of_files)
    for answer in (
        send(ada, YEAR, account_id=files),
        ada.post(f"/accounts/{files}/balance-snapshots", json={"balance": "1.00"}),
    ):
        assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
    assert refused(ada, YEAR, connection_id=of_files)["errors"][0]["code"] == "not_of_files"


def test_a_file_that_names_the_bank_names_it_for_files_with_its_code(ada: Person) -> None:
    named = CAMT.replace("</BICFI>", "</BICFI><Nm>Harbour Bank</Nm>")
    statement = MT940.format(balance="10,").replace("DE89370400440532013000", "DE1234")
    imported(ada, statement)
    assert institutions(ada) == (["HARBDEFF"], ["HARBDEFF"])
    imported(ada, named)
    assert institutions(ada) == (["Harbour Bank"], ["Harbour Bank", "Harbour Bank"])
    imported(ada, statement.replace("DE1234", "DE5678"))
    assert institutions(ada) == (["Harbour Bank"], ["Harbour Bank"] * 3)


def test_a_name_that_the_user_gave_a_bank_stays(ada: Person) -> None:
    imported(ada, MT940.format(balance="10,"))
    connection_id = ada.get("/connections").json()["connections"][0]["id"]
    ada.patch(f"/connections/{connection_id}", json={"name": "Harbour, joint"})
    imported(ada, CAMT.replace("</BICFI>", "</BICFI><Nm>Harbour Bank</Nm>"))
    assert institutions(ada)[0] == ["Harbour, joint"]


def institutions(person: Person) -> tuple[list[str], list[str]]:
    """Return the names of the connections, and the institutions of the accounts."""
    connections = person.get("/connections").json()["connections"]
    accounts = person.get("/accounts").json()["accounts"]
    return [one["name"] for one in connections], [one["institution"] for one in accounts]


def test_a_table_without_an_institution_is_named_for_its_kind(ada: Person) -> None:
    imported(ada, YEAR)
    assert institutions(ada) == (["Balance file"], ["Balance file"])
    connection_id = ada.get("/connections").json()["connections"][0]["id"]
    ada.patch(f"/connections/{connection_id}", json={"name": "Monarch"})
    assert counts(imported(ada, YEAR)) == (0, 12, 0)
    assert institutions(ada) == (["Monarch"], ["Balance file"])


def make_live(app: App, connection_id: str) -> None:
    """Have the connection be one that a provider feeds; no route makes such a one yet."""
    engine = open_engine(app.installation.settings.database)
    with engine.begin() as connection:
        connection.execute(
            update(metadata.tables["connections"])
            .where(metadata.tables["connections"].c.id == UUID(connection_id))
            .values(kind="api")
        )
    engine.dispose()
