"""The statements stay fast on tables without statistics, as they are in their first minutes."""

import pytest
from sqlalchemy import text

from api.history_changes import day
from application import App, Person

ROWS = 600
SCANS = """
SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables
WHERE relname = 'balance_snapshots'
"""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_newest_snapshots_are_searched_once_for_each_account(app: App, ada: Person) -> None:
    rows = "".join(f"{day(number)[:10]},{number}.25,Everyday\n" for number in range(ROWS))
    files = {"file": ("balances.csv", f"Date,Balance,Account\n{rows}".encode())}
    assert ada.post("/imports", files=files).json()["recorded"] == ROWS
    with app.services.database.read() as work:
        connection = work._connection  # noqa: SLF001 - its plan is looked at
        # The plan of a statement that was executed several times.
        connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        before = connection.scalar(text(SCANS))
        (latest,) = work.balance_snapshots.latest(ada.id)
        scans = connection.scalar(text(SCANS)) - before
    assert latest.newest is not None
    assert str(latest.newest.balance) == f"{ROWS - 1}.25"
    assert 0 < scans < 10
