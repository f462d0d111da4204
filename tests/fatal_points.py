"""Processes that end without a word at a named point, as a kill at that moment ends them.

A point is the name of an audit event: one of Python's own, such as ``os.rename``, or one that a
test raises by ``sys.audit``.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from dashtam.bootstrap import Installation
from dashtam.database import migrate

NOWHERE = "nowhere"

_forks = multiprocessing.get_context("forkserver")
# Loaded once, and not again by each process.
_forks.set_forkserver_preload(
    ["alembic.command", "dashtam.bootstrap", "dashtam.providers.registry", "psycopg_pool"]
)


def run_until(point: str, action: Callable[..., None], *words: Any) -> bool:  # noqa: ANN401 - the action's
    """Run the action in a process of its own, and return whether it ended by itself."""
    process = _forks.Process(target=_act, args=(point, action, *words))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode == 0


def _act(point: str, action: Callable[..., None], *words: Any) -> None:  # noqa: ANN401 - as above
    def die(name: str, _arguments: object) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    # Compiled modules are files, too.
    sys.dont_write_bytecode = True
    event.listen(Engine, "begin", lambda _connection: sys.audit("begin"))
    event.listen(Engine, "commit", lambda _connection: sys.audit("commit"))
    sys.addaudithook(die)
    action(*words)


def upgrade(data: Path, database_url: str, scripts: Path, revision: str) -> None:
    """Upgrade to a revision of these scripts, after a backup, as every start does."""
    migrate.SCRIPTS = scripts
    migrate.REVISIONS = (*migrate.REVISIONS, revision)
    migrate.HEAD = revision
    _installation(data, database_url).upgrade()
    sys.audit("upgraded")


def back_up(data: Path, database_url: str, folder: Path) -> None:
    _installation(data, database_url).backup(folder)
    sys.audit("backed up")


def _installation(data: Path, database_url: str) -> Installation:
    return Installation.open({"data": data, "database_url": database_url})
