"""An import is stored whole or not at all, whenever the process is killed."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from application import App, Applications, Person
from dashtam.application.history.verification import verify
from dashtam.bootstrap import now
from dashtam.database.pagination import PageRequest
from dashtam.domain.sync import SyncState
from proofs import Proof
from server_process import Server, serving

# Of several transactions.
ROWS = 7_000
LIMITS = {
    "RATE_LIMIT_SYNC": "100000/100000",
    "RATE_LIMIT_API_READ": "100000/100000",
    # The next import waits for a killed one until its lease ends.
    "SYNC_LEASE_S": "3",
}


def file_of(name: str) -> bytes:
    """A file with a balance for each of many days, and an account that no other file has."""
    first = date(2005, 1, 1)
    rows = (f"{first + timedelta(number)},{number}.25,{name}\n" for number in range(ROWS))
    return ("Date,Balance,Account\n" + "".join(rows)).encode()


def send(server: Server, person: Person, name: str) -> Any:  # noqa: ANN401 - JSON
    """Import the account's file and return the answer, None where there was none."""
    try:
        answer = httpx2.post(
            f"{server.url}/api/v1/imports",
            headers={"Authorization": f"Bearer {person.token}"},
            files={"file": ("balances.csv", file_of(name))},
            timeout=60,
        )
    except httpx2.TransportError:
        return None
    assert answer.status_code == 201, answer.text
    return answer.json()


def stored(app: App, person: Person) -> dict[str, int]:
    """How many balances each account has, by its name."""
    with app.services.database.read() as work:
        accounts = work.accounts.of_user(person.id, PageRequest(1000)).items
        return {
            account.name: sum(1 for _ in work.balance_snapshots.stream(account.id))
            for account in accounts
        }


def assert_sound(app: App, person: Person) -> None:
    """Assert that every chain verifies, and that each run is complete or retracted."""
    report = verify(app.services.database)
    assert (report.findings, report.outdated_chunks) == ([], [])
    with app.services.database.read() as work:
        runs = work.syncs.of_user(person.id, PageRequest(1000)).items
    assert {run.state for run in runs if run.retracted_at is None} <= {SyncState.SUCCEEDED}
    assert len({UUID(str(run.id)) for run in runs}) == len(runs)


@pytest.mark.proves(1)
def test_a_killed_import_is_whole_or_nothing_and_can_be_sent_again(
    applications: Applications,
    tmp_path: Path,
    database_url: str,
    proof: Proof,
) -> None:
    # Only to look into the database, and to sign someone in: another process is killed.
    # The other process issues and accepts tokens by the system's clock.
    applications.clock.now = now()
    app = applications.open()
    person, chance = app.person(), random.Random(21)  # noqa: S311 - no secret
    expected: dict[str, int] = {}
    took_s, cut, name, found = 0.0, 0, "never interrupted", 0
    for number in range(proof(50) + 1):
        with serving(tmp_path / "data", database_url, **LIMITS) as server:
            # The import that the last kill interrupted is sent again to the next server.
            started = time.monotonic()
            again = send(server, person, name)
            took_s = took_s or time.monotonic() - started
            assert (again["recorded"], again["skipped"]) == (ROWS - found, found)
            expected[name] = ROWS
            assert stored(app, person) == expected
            name = f"account {number}"
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(send, server, person, name)
                time.sleep(chance.uniform(0, 1.1 * took_s))
                server.kill()
            acked = sent.result()
        found = stored(app, person).get(name, 0)
        cut += acked is None
        assert found in ({0, ROWS} if acked is None else {ROWS})
        report = verify(app.services.database)
        assert report.findings == []
    with serving(tmp_path / "data", database_url, **LIMITS) as server:
        send(server, person, name)
    assert_sound(app, person)
    assert cut, "not one import was under way when its process was killed"
    proof.record(kills=proof(50) + 1, imports_lost=0)
