"""Mappings: asked for as data, previewed, confirmed and remembered."""

import json
from typing import Any

import pytest

from application import App, Person

GERMAN = (
    "Buchungstag;Verwendungszweck;Betrag;Saldo\n"
    "02.01.2025;Miete;-900,00;100,00\n"
    "03.01.2025;Lohn;2.000,00;2.100,00\n"
)
LATER = (
    "Buchungstag;Verwendungszweck;Betrag;Saldo\n"
    "03.01.2025;Lohn;2.000,00;2.100,00\n"
    "06.01.2025;Markt;-50,00;2.050,00\n"
)
OTHER = (
    "Buchungstag;Verwendungszweck;Betrag;Saldo\n"
    "02.01.2025;Zins;1,00;7,00\n"
    "06.01.2025;Zins;1,00;8,00\n"
)
ANSWERS: dict[str, Any] = {"account_name": "Girokonto", "currency_code": "EUR"}


def send(person: Person, content: str, *, dry: bool = False, **mapping: Any) -> Any:  # noqa: ANN401 - a response
    data = {"dry_run": str(dry).lower()} | ({"mapping": json.dumps(mapping)} if mapping else {})
    return person.post("/imports", files={"file": ("file.csv", content.encode())}, data=data)


def sent(person: Person, content: str, *, dry: bool = False, **mapping: Any) -> Any:  # noqa: ANN401 - JSON
    answer = send(person, content, dry=dry, **mapping)
    assert answer.status_code == 201, answer.text
    return answer.json()


def asked(person: Person, content: str, *, dry: bool = False, **mapping: Any) -> Any:  # noqa: ANN401 - JSON
    answer = send(person, content, dry=dry, **mapping)
    assert answer.status_code == 422, answer.text
    return answer.json()["needs_mapping"]


def parts_of(proposal: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {part["name"]: part for part in proposal["parts"]}


def profiles(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get("/import-profiles").json()["import_profiles"]
    return found


@pytest.mark.parametrize("dry", [True, False])
def test_open_parts_come_as_data_with_a_mapping_that_works(ada: Person, *, dry: bool) -> None:
    proposal = asked(ada, GERMAN, dry=dry)
    assert proposal["columns"] == ["Buchungstag", "Verwendungszweck", "Betrag", "Saldo"]
    assert proposal["delimiter"] == ";"
    assert proposal["first_rows"][0] == {"line": 1, "cells": proposal["columns"]}
    parts = parts_of(proposal)
    certainties = {name: (part["proposed"], part["certainty"]) for name, part in parts.items()}
    assert certainties["date"] == ("Buchungstag", "sure")
    assert certainties["balance"] == ("Saldo", "sure")
    assert certainties["date_format"] == ("DD.MM.YYYY", "sure")
    assert certainties["decimal"] == (",", "sure")
    assert certainties["header_row"] == (1, "sure")
    assert certainties["encoding"] == ("utf-8", "sure")
    opened = {name for name, part in parts.items() if part["certainty"] == "open"}
    assert opened == {"account_name", "currency_code"}
    assert all(parts[name]["question"] for name in opened)
    assert parts["balance"]["choices"] == ["Buchungstag", "Verwendungszweck", "Betrag"]
    assert sent(ada, GERMAN, dry=dry, **proposal["example_mapping"])["recorded"] == 2


def test_everything_open_is_asked_at_once(ada: Person) -> None:
    parts = parts_of(asked(ada, "When;What\n01/02/2025;1,234\n"))
    opened = {name for name, part in parts.items() if part["certainty"] == "open"}
    assert opened >= {"date", "balance", "account_name", "currency_code", "header_row"}


def test_a_confirmed_mapping_is_used_for_the_next_file_of_its_shape(ada: Person) -> None:
    assert sent(ada, GERMAN, dry=True, **ANSWERS)["profile_id"] is None
    assert profiles(ada) == []
    first = sent(ada, GERMAN, **ANSWERS)
    (profile,) = profiles(ada)
    assert first["profile_id"] == profile["id"]
    assert (profile["mapping"], profile["delimiter"]) == (ANSWERS, ";")
    assert profile["file_name"] == "file.csv"
    later = sent(ada, LATER)
    assert (later["recorded"], later["skipped"], later["profile_id"]) == (1, 1, profile["id"])
    assert later["accounts"][0]["account_id"] == first["accounts"][0]["account_id"]
    assert profiles(ada)[0]["last_used_at"] is not None
    assert ada.get("/export").json()["import_profiles"] == profiles(ada)
    assert ada.delete(f"/import-profiles/{profile['id']}").status_code == 204
    assert parts_of(asked(ada, LATER))["account_name"]["certainty"] == "open"


def test_a_file_of_another_account_is_not_recorded_into_the_remembered_one(ada: Person) -> None:
    done = sent(ada, GERMAN, **ANSWERS)
    proposal = asked(ada, OTHER)
    assert parts_of(proposal)["account_name"]["certainty"] == "open"
    other = sent(ada, OTHER, account_name="Tagesgeld")
    assert other["accounts"][0]["account_id"] != done["accounts"][0]["account_id"]
    assert other["accounts"][0]["currency"] == "EUR"


def test_a_mapping_can_be_stored_without_a_file(ada: Person) -> None:
    columns = asked(ada, GERMAN)["columns"]
    body = {"delimiter": ";", "columns": columns, "mapping": ANSWERS}
    made = ada.post("/import-profiles", json=body)
    assert made.status_code == 201, made.text
    assert sent(ada, GERMAN)["profile_id"] == made.json()["id"]
    wrong = ada.post("/import-profiles", json=body | {"mapping": {"colour": "blue"}})
    assert wrong.status_code == 422


def test_mappings_are_erased_with_their_user(app: App, ada: Person) -> None:
    sent(ada, GERMAN, **ANSWERS)
    with app.services.database.write() as work:
        work.users.erase(ada.id, work.now)
    assert app.query("SELECT id FROM import_profiles") == []


def test_a_preview_shows_the_line_the_extremes_and_the_last_rows(ada: Person) -> None:
    (account,) = sent(ada, GERMAN, dry=True, **ANSWERS)["accounts"]
    assert (account["key"], account["name"], account["account_type"]) == (
        "Girokonto",
        "Girokonto",
        "checking",
    )
    preview = account["preview"]
    assert [preview[name] for name in ("first_on", "last_on")] == ["2025-01-02", "2025-01-03"]
    assert [preview[name] for name in ("first", "last", "lowest", "highest")] == [
        "100.00",
        "2100.00",
        "100.00",
        "2100.00",
    ]
    assert [point["balance"] for point in preview["points"]] == ["100.00", "2100.00"]
    assert preview["latest"][1]["row"] == {
        "line": 3,
        "text": "03.01.2025;Lohn;2.000,00;2.100,00",
    }


def test_a_long_preview_keeps_some_points_with_the_extremes(ada: Person) -> None:
    rows = "".join(
        f"20{year:02}-{month:02}-{day:02},{day}.00,A,EUR\n"
        for year in range(20, 26)
        for month in range(1, 13)
        for day in range(1, 29)
        if (year, month) < (25, 12)
    )
    file = f"Date,Balance,Account,Currency\n{rows}2025-12-01,-99.00,A,EUR\n"
    (account,) = sent(ada, file, dry=True)["accounts"]
    points = account["preview"]["points"]
    assert 100 <= len(points) <= 204
    assert [point["balance"] for point in points][-1] == "-99.00"
    assert points == sorted(points, key=lambda point: point["captured_at"])


def test_name_institution_type_and_sign_of_a_new_account_are_chosen(ada: Person) -> None:
    file = "Date,Balance,Account,Currency\n2025-01-01,500.00,4711,EUR\n"
    choice = {"name": "Car", "institution": "Harbour", "type": "loan", "sign": -1}
    done = sent(ada, file, accounts={"4711": choice})
    account = ada.get(f"/accounts/{done['accounts'][0]['account_id']}").json()
    assert [account[name] for name in ("name", "institution", "account_type", "balance_sign")] == [
        "Car",
        "Harbour",
        "loan",
        -1,
    ]
    assert ada.history(account["id"])["snapshots"][0]["balance"] == "-500.00"
    assert sent(ada, file)["skipped"] == 1


@pytest.mark.parametrize(
    "accounts", [{"A": {"colour": 1}}, {"A": 1}, {"A": {"type": "boat"}}, {"A": {"sign": 2}}, 7]
)
def test_choices_that_are_not_understood_are_refused(ada: Person, accounts: object) -> None:
    answer = send(ada, GERMAN, **ANSWERS, accounts=accounts)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/mapping")


def test_a_card_with_balances_above_zero_is_never_an_asset_by_silence(ada: Person) -> None:
    file = "Date,Balance,Account\n2025-01-01,500.00,Visa card\n"
    (account,) = sent(ada, file, dry=True)["accounts"]
    assert (account["account_type"], account["sign"]) == ("credit_card", -1)
    assert account["sign_certainty"] == "open"
    assert account["preview"]["last"] == "-500.00"
    proposal = asked(ada, file)
    assert parts_of(proposal)["sign"]["certainty"] == "open"
    done = sent(ada, file, **proposal["example_mapping"])
    account_id = done["accounts"][0]["account_id"]
    assert ada.history(account_id)["snapshots"][0]["balance"] == "-500.00"


def test_balances_below_zero_under_a_plain_name_leave_the_type_open(ada: Person) -> None:
    file = "Date,Balance,Account\n2025-01-01,-500.00,4711\n"
    (account,) = sent(ada, file, dry=True)["accounts"]
    assert (account["account_type"], account["type_certainty"]) == ("line_of_credit", "open")
    told = sent(ada, file, dry=True, accounts={"4711": {"type": "checking"}})["accounts"][0]
    assert (told["account_type"], told["type_certainty"]) == ("checking", "sure")
