import json
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]


def test_the_benchmark_checks_every_answer_on_both_databases(
    postgresql: psycopg.Connection, tmp_path: Path
) -> None:
    server = f"postgresql://postgres@127.0.0.1:{postgresql.info.port}"
    words = ["--quick", "--data", str(tmp_path), "--postgresql", server]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("A year of one account: ")
    results = json.loads((tmp_path / "results.json").read_bytes())
    found = {database["kind"]: database for database in results["databases"]}
    assert set(found) == {"SQLite", "PostgreSQL"}
    for database in found.values():
        measured = {(one["reader"], one["target"]) for one in database["reading"]}
        names = ("history 30", "history 365", "history 3,650", "recent 30", "latest 8")
        assert measured == {
            ("304", "latest 8"),
            *(
                (reader, name)
                for reader in (
                    "any account",
                    "any account, gzip",
                    "hot account",
                    "hot account, gzip",
                )
                for name in names
            ),
        }
        assert database["syncs"]["statements"] <= 20
        assert (database["pgbench_per_second"] is None) is (database["kind"] == "SQLite")
    assert (tmp_path / "performance.svg").read_text().startswith("<svg ")
