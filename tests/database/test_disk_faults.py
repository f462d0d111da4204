"""A power cut loses no acknowledged transaction, and a full disk leaves none half-written.

The transactions are those of the application; SQLite writes them with the application's pragmas on
a disk that loses, tears and reorders its unsynced writes, or has no space for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.history_changes import KINDS, change_history
from application import App, Person
from multi_process.stored_history import assert_is_sound
from proofs import Proof
from recorded_disk import (
    Acknowledged,
    Outcome,
    Step,
    Transaction,
    Writes,
    cuts,
    fill,
    record,
    recover,
)

PRAGMAS = (
    "journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "secure_delete",
)  # fmt: skip

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True, slots=True)
class Recording:
    """An empty database, the transactions that filled it, and the application's pragmas."""

    data: Path
    image: bytes
    transactions: Sequence[Transaction]
    pragmas: dict[str, object]

    def steps(self, **pragmas: object) -> list[Step]:
        return record(self.image, self.transactions, self.pragmas | pragmas)

    def cut(
        self, steps: Sequence[Step], count: int, folder: Path, *, syncs: bool = True
    ) -> Outcome:
        states = [step.state for step in steps if isinstance(step, Acknowledged)]
        folder.mkdir()
        outcome = Outcome()
        for number, cut in enumerate(cuts(self.image, steps, count, syncs=syncs)):
            path = recover(cut, states, folder, outcome)
            if syncs and number % 200 == 0:
                assert_is_sound(self.data, f"sqlite:///{path}")
        return outcome


@pytest.fixture
def recording(app: App, ada: Person, database_url: str) -> Recording:
    """The writes of syncs, imports, typed balances and other changes of histories."""
    with app.installation.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in PRAGMAS
        }
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    image = Path(database_url.removeprefix("sqlite:///")).read_bytes()
    writes = Writes(app.installation.engine)
    connection_id = app.connected(ada)["id"]
    account_id = ada.account()
    for number in range(24):
        app.clock.advance(hours=7)
        assert change_history(ada, account_id, number * 9, KINDS[number % 5], number)
        synced = ada.post(f"/connections/{connection_id}/syncs", json={"force": True})
        assert synced.status_code == 201, synced.text
    return Recording(app.installation.settings.data, image, writes.committed, pragmas)


@pytest.mark.proves(2)
def test_acknowledged_transactions_survive_a_power_cut(
    recording: Recording, proof: Proof, tmp_path: Path
) -> None:
    outcome = recording.cut(recording.steps(), proof(10_000), tmp_path / "disk")
    assert outcome == Outcome(proof(10_000), lost=0, partial=0, corrupt=0)
    proof.record(power_cuts=outcome.cuts, lost=0, partial=0, corrupt=0)


def test_a_power_cut_does_lose_transactions_that_are_not_synced(
    recording: Recording, tmp_path: Path
) -> None:
    outcome = recording.cut(recording.steps(synchronous="NORMAL"), 50, tmp_path / "disk")
    assert (outcome.partial, outcome.corrupt) == (0, 0)
    assert outcome.lost > 10


def test_a_disk_that_syncs_nothing_is_damaged_by_a_power_cut(
    recording: Recording, tmp_path: Path
) -> None:
    outcome = recording.cut(recording.steps(), 20, tmp_path / "disk", syncs=False)
    assert outcome.corrupt > 0


@pytest.mark.proves(14)
def test_a_write_that_does_not_fit_changes_nothing_and_can_be_repeated(
    recording: Recording, proof: Proof
) -> None:
    transactions, attempts = recording.transactions, proof(40)
    refused, state = fill(recording.image, transactions, recording.pragmas, attempts)
    last = [step for step in recording.steps() if isinstance(step, Acknowledged)][-1]
    assert state == last.state
    assert refused > len(transactions)
    proof.record(writes_that_did_not_fit=refused, changes_by_them=0)
