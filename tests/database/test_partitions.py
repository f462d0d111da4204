"""The statements for partitions in the guide, executed."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application import App
from dashtam.application.history.verification import verify
from dashtam.application.people import users

GUIDE = Path(__file__).parents[2] / "docs" / "growing.md"
PARTITIONS = 8

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def execute_guide(database_url: str) -> psycopg.Connection[Any]:
    (statements,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    opened = psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True)
    opened.execute(statements)
    return opened


def test_a_history_in_partitions_is_the_same_and_stays_immutable(
    app: App, database_url: str
) -> None:
    people = [app.person(f"user{number}@example.com") for number in range(5)]
    accounts = {person.account(str(number)): person for person in people for number in range(6)}
    before = {account: person.history(account) for account, person in accounts.items()}
    with execute_guide(database_url) as opened:
        for account, person in accounts.items():
            assert person.history(account) == before[account]
            person.type(account, "12.50", "2025-03-01")
            assert person.history(account)["total_count"] == 2
        assert opened.execute("SELECT count(*) FROM balance_snapshots").fetchone() == (60,)
        # Ids are random, so a partition may hold none of so few accounts.
        filled = "SELECT count(DISTINCT tableoid) FROM balance_snapshots"
        while opened.execute(filled).fetchone() != (PARTITIONS,):
            people[0].account("1")
        parts = [f"balance_snapshots_{number}" for number in range(PARTITIONS)]
        for table in ("balance_snapshots", *parts):
            for act in ("UPDATE {} SET balance = 0", "DELETE FROM {}", "TRUNCATE {}"):
                for role in ("origin", "replica"):
                    opened.execute(f"SET session_replication_role = {role}")
                    with pytest.raises(psycopg.errors.RaiseException, match="never change"):
                        opened.execute(act.format(table))
        opened.execute("SET session_replication_role = origin")
    report = verify(app.services.database)
    assert (report.found, report.outdated_chunks) == (0, [])
    with app.services.database.write() as work:
        erased = work.users.get(people[0].id)
        assert erased is not None
        users.erase(work, erased)
    report = verify(app.services.database)
    assert (report.found, report.outdated_chunks) == (0, [])
