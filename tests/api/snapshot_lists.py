"""Readings of the API as tests look at them: one column, the recent list, an import."""

from typing import Any

from application import Person


def recent(person: Person, account_id: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    answer = person.get(f"/accounts/{account_id}/balance-snapshots", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def column(answer: Any, name: str) -> list[Any]:  # noqa: ANN401 - JSON
    return [row[name] for row in answer["snapshots"]]


def upload(person: Person, rows: list[str], **fields: str) -> Any:  # noqa: ANN401 - JSON
    file = "\n".join(["Date,Balance,Account,Currency", *rows, ""])
    answer = person.post("/imports", files={"file": ("b.csv", file.encode())}, data=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def assert_is_empty(answer: Any, currency: str) -> None:  # noqa: ANN401 - JSON
    assert list(answer.items()) == [
        ("snapshots", []),
        ("total_count", 0),
        ("start_balance", None),
        ("end_balance", None),
        ("total_change_amount", None),
        ("total_change_percent", None),
        ("currency", currency),
    ]
