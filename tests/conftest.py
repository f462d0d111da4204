"""Fixtures of every test: a migrated database and a Valkey."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import Phase, settings
from psycopg import sql

from servers import Address, ServerMissingError, Servers, answers_ping

pytest_plugins = ["application", "proofs"]

SERVERS = pytest.StashKey[Servers]()
TEMPLATE = "migrated_template"

# How fast a busy machine computes is no property of the code.
settings.register_profile("dashtam", deadline=None)
# A change that was made on purpose is to be found, not explained.
settings.register_profile(
    "mutation", deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("dashtam")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = Servers()


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].stop()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 (pytest-xdist publishes no type)
    """Start the servers once for all workers, which come up while the servers do."""
    with contextlib.suppress(ServerMissingError):  # The worker that needs it says so.
        for address in (servers(node).postgresql(), servers(node).valkey()):
            node.workerinput[address.name] = (address.name, address.port, address.folder)


def servers(owner: Any) -> Servers:  # noqa: ANN401 (a node has no type, see above)
    started: Servers = owner.config.stash[SERVERS]
    return started


def address(request: pytest.FixtureRequest, name: str) -> Address:
    """Return where the server of the whole run is, or start one where there are no workers."""
    shared = getattr(request.config, "workerinput", {}).get(name)
    if shared is not None:
        return Address(*shared)
    return servers(request).postgresql() if name == "PostgreSQL" else servers(request).valkey()


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the server's own database, for making and dropping others."""
    found = address(request, "PostgreSQL")
    opened: list[psycopg.Connection] = []

    def ready() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            place = f"postgresql://postgres@127.0.0.1:{found.port}/postgres"
            opened.append(psycopg.connect(place, autocommit=True, connect_timeout=5))
        return bool(opened)

    found.wait_until(ready)
    with opened[0] as connection:
        yield connection


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: psycopg.Connection) -> psycopg.Connection:
    """The same connection, once the database that tests are copied from is there."""
    # The first worker migrates, the others wait for it here.
    postgresql.execute("SELECT pg_advisory_lock(1)")
    known = "SELECT FROM pg_database WHERE datname = %s"
    if postgresql.execute(known, (TEMPLATE,)).fetchone() is None:
        run(postgresql, "CREATE DATABASE {}", "migrating")
        migrate(url_of(postgresql, "migrating"))
        run(postgresql, "ALTER DATABASE {} RENAME TO {}", "migrating", TEMPLATE)
    postgresql.execute("SELECT pg_advisory_unlock(1)")
    return postgresql


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy from; nothing of it is left in a write-ahead log."""
    path = tmp_path_factory.mktemp("template") / "dashtam.db"
    migrate(f"sqlite:///{path}")
    assert not path.with_name("dashtam.db-wal").exists()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without data, this test's own."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "dashtam.db")
        yield f"sqlite:///{tmp_path / 'dashtam.db'}"
    else:
        with database(request.getfixturevalue("migrated_postgresql"), TEMPLATE) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a single table, for the tests of the migrations themselves."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with database(request.getfixturevalue("postgresql"), "template1") as url:
            yield url


@pytest.fixture
def valkey_url(request: pytest.FixtureRequest) -> str:
    """An emptied logical database of the run's Valkey, which no other worker uses."""
    from redis import Redis  # noqa: PLC0415 (only tests that ask for it pay for loading it)

    found = address(request, "Valkey")
    found.wait_until(lambda: answers_ping(found.port))
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    url = f"redis://127.0.0.1:{found.port}/{worker.removeprefix('gw')}"
    with Redis.from_url(url) as client:
        client.flushdb()
    return url


@contextlib.contextmanager
def database(postgresql: psycopg.Connection, template: str) -> Iterator[str]:
    """Yield the URL of a new PostgreSQL database, which is dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    run(postgresql, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield url_of(postgresql, name)
    finally:
        run(postgresql, "DROP DATABASE {} WITH (FORCE)", name)


def run(postgresql: psycopg.Connection, statement: LiteralString, *names: str) -> None:
    postgresql.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def url_of(postgresql: psycopg.Connection, name: str) -> str:
    return f"postgresql+psycopg://postgres@127.0.0.1:{postgresql.info.port}/{name}"


def migrate(url: str) -> None:
    from dashtam.database.migrate import upgrade  # noqa: PLC0415 (as with Redis above)

    upgrade(url)
