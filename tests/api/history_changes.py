"""Changes of an account's history, made as its owner makes them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from application import Person

START: Final = datetime(2024, 1, 1, 10, tzinfo=UTC)
FIRST_INSTANT: Final = "0001-01-01T00:00:00Z"
LATEST_DAY: Final = 900

_CHANGES: Final = {
    ("flip", 0): {"balance_sign": 1},
    ("flip", 1): {"balance_sign": -1},
    ("hide", 0): {"is_hidden": False},
    ("hide", 1): {"is_hidden": True},
    ("close", 0): {"closed_at": None},
    ("close", 1): {"closed_at": "2024-05-05T00:00:00Z"},
}

KINDS: Final = ("type", "backdate", "begin", "import", "retract", "flip", "hide", "close")


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def change_history(person: Person, account_id: str, place: int, kind: str, number: int) -> bool:
    """Make a change of this kind, and return whether it was accepted.

    A balance is typed for the day ``place``, where an import begins too. ``number`` gives amounts,
    the days of backdated balances, the rows of an import, and the run that is retracted.
    """
    path = f"/accounts/{account_id}"
    match kind:
        case "type":
            body = {"balance": f"{number}.5", "captured_at": day(place)}
        case "backdate":
            body = {"balance": f"-{number}", "captured_at": day(number // 4)}
            body["available_balance"] = "1.25"
        case "begin":
            body = {"balance": f"{number}", "captured_at": FIRST_INSTANT}
        case "import":
            rows = [f"{(START + timedelta(days=place + n)).date()},{n}.10" for n in range(number)]
            file = "\n".join(["Date,Balance", *rows, "2024-01-01,5.00"]).encode()
            data = {"account_id": account_id}
            made = person.post("/imports", files={"file": ("b.csv", file)}, data=data)
            return bool(made.status_code == 201)
        case "retract":
            newest = person.get("/syncs?limit=10").json()["syncs"]
            wanted = [sync["id"] for sync in newest if sync["retracted_at"] is None]
            statuses = [
                person.delete(f"/syncs/{one}").status_code for one in wanted[number % 3 :][:1]
            ]
            return statuses == [204]
        case _:
            return bool(person.patch(path, json=_CHANGES[kind, number % 2]).status_code == 200)
    return bool(person.post(f"{path}/balance-snapshots", json=body).status_code == 201)
