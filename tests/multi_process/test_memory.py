"""The memory of a serving process is bounded, however many clients are slow.

Each test makes one load, and asserts how much more memory than before the process had at most, that
it answered other requests meanwhile, and that it closed the connections of the load.
"""

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlencode, urlsplit

import pytest

from application import UNLIMITED, Applications
from concurrency import wait_until
from dashtam.application.syncs import sync_run
from dashtam.bootstrap import now
from dashtam.presentation.http.server import allow_many_connections
from multi_process.remote_user import RemoteUser
from proofs import Proof
from server_process import Server, serving

FOLLOWERS = 300
SLOW_CLIENTS = 1_500
UNREAD_ANSWERS = 60

# At most so much more than before the load; docs/operating.md has the figures that were measured.
MOST_FOR_FOLLOWERS_MIB = 40
MOST_FOR_SLOW_CLIENTS_MIB = 256
MOST_FOR_ANSWERS_MIB = 384
MOST_FOR_ANOTHER_ROUND_MIB = 64

# The documented limits, and time for a busy machine.
CLOSED_WITHIN_S = 10 + 30
READ_WITHIN_S = 60 + 60

ROWS = 50_000
ROWS_OF_A_FILE = 10_000
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
# The fast path answers up to so many rows, and more are read in a thread.
MOST_CACHED_ROWS = 15_000

SETTINGS: Final = {
    "WORKER": "false",
    "REGISTRATION": "open",
    **{f"RATE_LIMIT_{policy}": limit for policy, limit in UNLIMITED.items()},
}
LONG_BODY = (
    b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n\r\n"
)
SLOW_REQUESTS = [
    b"",
    b"GET /livez HTTP/1.1\r\nHost: x\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 60_000,
    LONG_BODY + b"x",
    LONG_BODY + b"x" * 900_000,
    b"GET /livez HTTP/1.1\r\n\r\n" * 2_500,
]


@dataclass(frozen=True, slots=True)
class Process:
    """A serving process: its resident memory in MiB, and its sockets."""

    pid: int

    @property
    def memory(self) -> float:
        return self._read("VmRSS")

    @property
    def peak(self) -> float:
        return self._read("VmHWM")

    @property
    def sockets(self) -> int:
        count = 0
        for file in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                count += str(file.readlink()).startswith("socket:")
        return count

    def _read(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    """Start servers with a usual limit of open files, which this process exceeds."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def server(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Server]:
    path = tmp_path / "dashtam.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path / "data", f"sqlite:///{path}", **SETTINGS) as found:
        allow_many_connections()
        yield found


def connect(server: Server, sent: bytes) -> socket.socket:
    place = urlsplit(server.url)
    wire = socket.socket()
    # The operating system takes little of an answer.
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.settimeout(120)
    wire.connect((place.hostname, place.port))
    # The server may refuse the rest.
    with suppress(ConnectionResetError, BrokenPipeError):
        wire.sendall(sent)
    return wire


def assert_answers(user: RemoteUser) -> None:
    for path in ("/balance-snapshots", "/accounts") * 5:
        assert user.send("GET", path).status_code == 200


def show(load: str, before: float, process: Process) -> None:
    figures = (
        f"before {before:.0f} MiB, at most {process.peak:.0f}, afterwards {process.memory:.0f}"
    )
    print(f"{load}: {figures}")  # noqa: T201 - pytest shows it with -rP


def test_followers_of_a_sync(
    applications: Applications, database_url: str, proof: Proof, tmp_path: Path
) -> None:
    # The token and the lease of the run have to be valid by the clock of the server.
    applications.clock.now = now()
    app = applications.open(rate_limits=UNLIMITED, sync_lease_s=600)
    person = app.person()
    claim = app.claim(app.connected(person)["id"])
    path = f"/api/v1/syncs/{claim.sync.id}/events"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path / "data", database_url, **SETTINGS))
        allow_many_connections()
        user, process = RemoteUser(server.url, person.token), Process(server.process.pid)
        assert_answers(user)
        before = process.memory
        followers = [
            stack.enter_context(connect(server, head.encode())) for _ in range(proof(FOLLOWERS))
        ]
        files = [stack.enter_context(follower.makefile("rb")) for follower in followers]
        for file in files:
            assert read_events(file, until=b"running")
        assert_answers(user)
        sync_run.complete(app.services, claim)
        for file in files:
            assert read_events(file, until=b"succeeded")
            # An idle connection is closed after five seconds.
            file.read()
        show(f"{len(files)} followers", before, process)
        assert process.peak - before < MOST_FOR_FOLLOWERS_MIB


def read_events(file: BinaryIO, until: bytes) -> bool:
    """Read an event stream until a line of it has the word."""
    while line := file.readline():
        if until in line:
            return True
    return False


def test_slow_connections(server: Server, proof: Proof) -> None:
    user, process = RemoteUser.register(server, "ada@example.com"), Process(server.process.pid)
    user.create_account()
    assert_answers(user)
    before, sockets = process.memory, process.sockets
    peaks = []
    for _ in range(2):
        with ExitStack() as stack:
            for number in range(proof(SLOW_CLIENTS)):
                sent = SLOW_REQUESTS[number % len(SLOW_REQUESTS)]
                stack.enter_context(connect(server, sent))
            assert_answers(user)
            wait_until(lambda: process.sockets <= sockets, CLOSED_WITHIN_S)
        peaks.append(process.peak)
    show(f"{proof(SLOW_CLIENTS)} slow connections", before, process)
    assert peaks[0] - before < MOST_FOR_SLOW_CLIENTS_MIB
    assert peaks[1] - peaks[0] < MOST_FOR_ANOTHER_ROUND_MIB


def test_large_answers_that_nobody_reads(server: Server, proof: Proof) -> None:
    user, process = RemoteUser.register(server, "ada@example.com"), Process(server.process.pid)
    account_id = user.create_account()
    for first in range(0, ROWS, ROWS_OF_A_FILE):
        rows = "".join(f"{at(first + number)},{number}.25\n" for number in range(ROWS_OF_A_FILE))
        file = ("balances.csv", f"Date,Balance\n{rows}".encode())
        made = user.send("POST", "/imports", files={"file": file}, data={"account_id": account_id})
        assert made.status_code == 201, made.text
    assert_answers(user)
    before, sockets = process.memory, process.sockets
    with ExitStack() as stack:
        for number in range(proof(UNREAD_ANSWERS)):
            # Half of them by the fast path; and none of them is the answer of another.
            rows_each = ROWS if number % 2 else MOST_CACHED_ROWS
            query = urlencode({"start_date": at(number), "end_date": at(number + rows_each - 100)})
            head = (
                f"GET /api/v1/accounts/{account_id}/balance-history?{query} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {user.token}\r\n\r\n"
            )
            # The second waits until the first is read.
            wire = stack.enter_context(connect(server, head.encode() * 2))
            assert wire.recv(15, socket.MSG_PEEK) == b"HTTP/1.1 200 OK"
        assert_answers(user)
        peak = process.peak
        wait_until(lambda: process.sockets <= sockets, READ_WITHIN_S)
    show(f"{proof(UNREAD_ANSWERS)} unread answers", before, process)
    assert peak - before < MOST_FOR_ANSWERS_MIB


def at(hours: int) -> str:
    return (FIRST + timedelta(hours=hours)).isoformat()
