"""How many of the project's modules a reader passes through to follow one path."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Modules of which a function is called, in an application that has answered the same before.
MOST = {
    "history from the rows": 27,
    "history from the cache": 16,
    "kept answer": 8,
    "import": 53,
    # Three of them are the worker's heartbeat, the thread that writes its log, and the permits that
    # keep a hanging provider from holding every worker.
    "scheduled sync": 43,
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("traced")
    program = [sys.executable, "-m", "architecture.traced_paths", str(folder)]
    ended = subprocess.run(
        program, cwd=TESTS, capture_output=True, text=True, check=False, timeout=200
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: dict[str, list[str]] = json.loads((folder / "modules.json").read_text())
    return found


@pytest.mark.parametrize("path", MOST)
def test_a_path_runs_through_few_modules(modules: dict[str, list[str]], path: str) -> None:
    found = modules[path]
    assert 5 < len(found) <= MOST[path], f"{path}: {len(found)} modules\n" + "\n".join(found)
