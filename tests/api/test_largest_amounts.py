"""Sums and differences of the largest amounts are told, and described, as they are."""

import msgspec

from application import Person
from dashtam.presentation.schemas.snapshots import LatestSnapshots, SnapshotHistory

LARGEST = "9" * 20


def test_sums_and_differences_have_the_form_that_the_document_describes(ada: Person) -> None:
    account_id = ada.account(f"-{LARGEST}")
    ada.type(account_id, LARGEST, "2025-02-01T00:00:00Z")
    ada.account(LARGEST)
    latest = msgspec.json.decode(ada.get("/balance-snapshots").content, type=LatestSnapshots)
    assert latest.total_balance_by_currency == {"USD": f"1{LARGEST[1:]}8.00"}
    query = "start_date=1900-01-01&end_date=9999-12-31"
    answer = ada.get(f"/accounts/{account_id}/balance-history?{query}")
    history = msgspec.json.decode(answer.content, type=SnapshotHistory)
    assert history.total_change_amount == f"1{LARGEST[1:]}8.00"
    assert history.snapshots[-1].change_amount == history.total_change_amount
