"""The document's own JSON, field for field and in its order."""

import json
from typing import Any
from uuid import uuid4

import pytest

from application import App, Applications, Person

ACCOUNT = "123e4567-e89b-12d3-a456-426614174000"
LATEST = """
{
"snapshots": [
{
"id": "550e8400-e29b-41d4-a716-446655440000",
"account_id": "123e4567-e89b-12d3-a456-426614174000",
"balance": "25000.00",
"available_balance": "24500.00",
"holdings_value": "22000.00",
"cash_value": "3000.00",
"currency": "USD",
"source": "holdings_sync",
"captured_at": "2025-12-26T10:00:00Z",
"created_at": "2025-12-26T10:00:00Z",
"change_amount": "500.00",
"change_percent": 2.04
}
],
"total_count": 1,
"total_balance_by_currency": {
"USD": "25000.00"
}
}
"""
HISTORY = """
{
"snapshots": [
{
"id": "550e8400-e29b-41d4-a716-446655440001",
"account_id": "123e4567-e89b-12d3-a456-426614174000",
"balance": "20000.00",
"available_balance": "19500.00",
"holdings_value": "17000.00",
"cash_value": "3000.00",
"currency": "USD",
"source": "account_sync",
"captured_at": "2025-01-15T10:00:00Z",
"created_at": "2025-01-15T10:00:00Z",
"change_amount": null,
"change_percent": null
},
{
"id": "550e8400-e29b-41d4-a716-446655440002",
"account_id": "123e4567-e89b-12d3-a456-426614174000",
"balance": "22500.00",
"available_balance": "22000.00",
"holdings_value": "19500.00",
"cash_value": "3000.00",
"currency": "USD",
"source": "holdings_sync",
"captured_at": "2025-06-15T10:00:00Z",
"created_at": "2025-06-15T10:00:00Z",
"change_amount": "2500.00",
"change_percent": 12.5
}
],
"total_count": 2,
"start_balance": "20000.00",
"end_balance": "22500.00",
"total_change_amount": "2500.00",
"total_change_percent": 12.5,
"currency": "USD"
}
"""
NOT_FOUND = """
{
"type": "https://api.dashtam.com/errors/not_found",
"title": "Not Found",
"status": 404,
"detail": "Account not found",
"instance": "/api/v1/accounts/550e8400-e29b-41d4-a716-446655440000/balance-history",
"trace_id": "abc123-def456-ghi789"
}
"""


def document(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text)


def written(answer: object) -> str:
    """The answer with its keys in the order in which they were sent."""
    return json.dumps(answer, indent=0)


@pytest.fixture
def account_id(ada: Person) -> str:
    """An account whose first snapshot is of 2024, before those of the document."""
    made: str = ada.account(balance="1.00", captured_at="2024-01-01T00:00:00Z")
    return made


def test_latest_snapshots_are_the_documents(app: App, ada: Person, account_id: str) -> None:
    expected = document(LATEST)
    before = {"captured_at": "2025-12-25T10:00:00Z", "balance": "24500.00"}
    app.record(ada, account_id, before, expected["snapshots"][0])

    answer = ada.get("/balance-snapshots")

    assert answer.text.replace(account_id, ACCOUNT) == json.dumps(expected, separators=(",", ":"))


def test_a_history_is_the_documents(app: App, ada: Person, account_id: str) -> None:
    expected = document(HISTORY)
    app.record(ada, account_id, *expected["snapshots"])

    query = {"start_date": "2025-01-01T00:00:00Z", "end_date": "2025-12-31T23:59:59Z"}
    answer = ada.get(f"/accounts/{account_id}/balance-history", params=query)

    assert answer.text.replace(account_id, ACCOUNT) == json.dumps(expected, separators=(",", ":"))


def test_recent_snapshots_have_the_structure_of_a_history_newest_first(
    app: App, ada: Person, account_id: str
) -> None:
    expected = document(HISTORY)
    app.record(ada, account_id, *expected["snapshots"])

    answer = ada.get(f"/accounts/{account_id}/balance-snapshots", params={"limit": "2"}).json()

    older, newer = expected["snapshots"]
    older |= {"change_amount": "19999.00", "change_percent": 1999900.0}
    expected["snapshots"] = [newer, older]
    assert written(answer).replace(account_id, ACCOUNT) == written(expected)


def test_an_account_that_is_not_there_is_the_documents_error(ada: Person) -> None:
    path = "/accounts/550e8400-e29b-41d4-a716-446655440000/balance-history"
    answer = ada.get(path, params={"start_date": "2025-01-01", "end_date": "2025-12-31"})

    expected = document(NOT_FOUND) | {"trace_id": answer.headers["X-Request-Id"]}
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.text == json.dumps(expected, separators=(",", ":"))


def test_every_limited_answer_has_the_documents_headers(applications: Applications) -> None:
    ada = applications.open().person()
    first = ada.get("/balance-snapshots")
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == (
        "100",
        "99",
    )
    assert int(first.headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert "Retry-After" not in first.headers
    path = f"/accounts/{uuid4()}/balance-snapshots"
    answers = [ada.get(path) for _ in range(100)]
    assert [answer.status_code for answer in answers] == [404] * 99 + [429]
    refused = answers[-1]
    assert refused.json()["type"] == "https://api.dashtam.com/errors/rate_limited"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert int(refused.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "source",
    ["account_sync", "holdings_sync", "manual_sync", "scheduled_sync", "initial_connection"],
)
def test_each_source_of_the_document_is_served_and_filtered(
    app: App, ada: Person, account_id: str, source: str
) -> None:
    at = "2025-03-01T10:00:00Z"
    app.record(ada, account_id, {"balance": "2.00", "captured_at": at, "source": source})
    found = ada.history(account_id, source=source)["snapshots"]
    assert [row["source"] for row in found if row["captured_at"] == at] == [source]
