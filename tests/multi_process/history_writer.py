"""A process that changes a user's histories until its standard input ends.

Run as a program it takes an order as a JSON object, and in the end prints how many changes of each
kind were accepted.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from api.history_changes import KINDS, LATEST_DAY, change_history
from application import UNLIMITED, Applications
from dashtam.application.provider import Pace, Report
from dashtam.domain.user import UserId
from scripted_provider import Scripted, account

CHANGES = ("sync", *KINDS)
OFTEN = ("sync", "retract", "retract")
MOST_ROWS = 40
# A change is followed by a pause of up to so many times its duration, however fast the machine is.
LONGEST_PAUSE = 3
READY = "ready"


@dataclass(frozen=True, slots=True)
class Order:
    """The histories to change: manual accounts, and those of a connection of the process's own."""

    data: str
    database_url: str
    user_id: str
    account_ids: Sequence[str]
    seed: int


@dataclass(slots=True)
class Writer:
    """A process that writes."""

    process: subprocess.Popen[str]

    def assert_alive(self) -> None:
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())

    def stop(self) -> Counter[str]:
        """End it, and return how many changes of each kind were accepted."""
        told, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors
        return Counter(json.loads(told))


@contextmanager
def writing(order: Order) -> Iterator[Writer]:
    """Yield a process that writes already; it is dead when the block is left."""
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(asdict(order))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},  # noqa: TID251 - its child's
    )
    try:
        assert process.stdout is not None
        is_ready = process.stdout.readline() == f"{READY}\n"
        assert is_ready, process.communicate()
        yield Writer(process)
    finally:
        process.kill()
        process.communicate()


def write(order: Order, stopping: threading.Event) -> Counter[str]:
    """Change the histories until the event is set, and return the number of changes by kind."""
    chance = random.Random(order.seed)  # noqa: S311 - no secret

    def report() -> Report:
        numbered = enumerate(f"{chance.randrange(10**6) / 100:.2f}" for _ in range(2))
        return Report([account(balance, f"{order.seed}-{number}") for number, balance in numbered])

    accepted: Counter[str] = Counter()
    coming = deque(CHANGES)
    provider = Scripted(usual=report, pace=Pace(timedelta(days=1), 10**9))
    applications = Applications(order.database_url, Path(order.data), provider=provider)
    with closing(applications):
        app = applications.open(rate_limits=UNLIMITED)
        owner = app.session_of(UserId(UUID(order.user_id)))
        connection_id = app.connected(owner)["id"]
        accounts = owner.get("/accounts?limit=100").json()["accounts"]
        live = [one["id"] for one in accounts if one["connection_id"] == connection_id]
        print(READY, flush=True)  # noqa: T201 - the test waits for it
        while not stopping.is_set():
            # Live snapshots of an account are at least a second apart.
            app.clock.advance(seconds=1)
            began = time.perf_counter()
            # Each kind once, and then any.
            kind = coming.popleft() if coming else chance.choice(CHANGES + OFTEN)
            if kind == "sync":
                synced = owner.post(f"/connections/{connection_id}/syncs", json={"force": True})
                is_accepted = synced.status_code == 201
            else:
                every = [*live, *order.account_ids]
                among = {"flip": live, "hide": every, "close": every}.get(kind, order.account_ids)
                place, number = chance.randrange(LATEST_DAY), chance.randrange(MOST_ROWS)
                is_accepted = change_history(owner, chance.choice(among), place, kind, number)
            accepted[kind] += is_accepted
            stopping.wait((time.perf_counter() - began) * chance.uniform(0, LONGEST_PAUSE))
    return accepted


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    stopping = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stopping.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    accepted = write(Order(**json.loads(sys.argv[1])), stopping)
    print(json.dumps(accepted))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
