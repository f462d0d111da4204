"""A disk that loses power or is full, of SQLite's own and in memory.

Transactions are written once, by SQLite on a recorded file system. A cut is a moment of the record:
every write that was synced before it is on the disk; of the others some are lost, torn in sectors
and reordered.
"""

# ruff: noqa: N802, N815 - SQLite's names

import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import apsw
from sqlalchemy import Connection, Engine, event

SECTOR: Final = 512
DATABASE: Final = "/dashtam.db"
# Many checkpoints in a short record; by default there is one every 1,000 pages.
PAGES_TO_CHECKPOINT: Final = 60

Transaction = list[tuple[str, Any, bool]]
"""Statements with their parameters, and whether those are many rows."""
Disk = dict[str, bytearray]


@dataclass(slots=True)
class Writes:
    """Records the transactions of an engine that commit, in their order."""

    engine: Engine
    committed: list[Transaction] = field(default_factory=list)
    _open: dict[int, Transaction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._note)
        event.listen(self.engine, "commit", self._commit)

    def _note(
        self,
        on: Connection,
        _cursor: object,
        statement: str,
        *words: Any,  # noqa: ANN401 - see above
    ) -> None:
        parameters, _, is_many = words
        if statement.startswith("BEGIN"):
            self._open[_id_of(on)] = []
        self._open[_id_of(on)].append((statement, parameters, is_many))

    def _commit(self, on: Connection) -> None:
        statements = self._open.pop(_id_of(on))
        if statements[0][0] == "BEGIN IMMEDIATE":
            self.committed.append(statements)


def _id_of(connection: Connection) -> int:
    return id(connection.connection.dbapi_connection)


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written to a file; without bytes the file was cut off at the offset."""

    name: str
    offset: int
    data: bytes | None

    def apply(self, disk: Disk) -> None:
        content = disk.setdefault(self.name, bytearray())
        if self.data is None:
            del content[self.offset :]
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data

    def sectors(self) -> Iterator["Write"]:
        """Split the write where a disk may tear it."""
        if self.data is None:
            yield self
            return
        at, end = self.offset, self.offset + len(self.data)
        while at < end:
            until = min(end, (at // SECTOR + 1) * SECTOR)
            yield Write(self.name, at, self.data[at - self.offset : until - self.offset])
            at = until


@dataclass(frozen=True, slots=True)
class Sync:
    """A file whose writes so far are on the disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A transaction that was committed, as its writer knows; ``state`` is the whole content."""

    state: bytes


Step = Write | Sync | Acknowledged


class RecordedFileSystem(apsw.VFS):
    """Files in memory, and a record of what happens to them."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self.disk = disk
        self.record: list[Step] = []
        self.writes_left: int | None = None
        self.full_at = ""

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: ANN401
        flags[1] = flags[0]
        return RecordedFile(self, name.filename() if isinstance(name, apsw.URIFilename) else name)

    def xAccess(self, pathname: str, _flags: int) -> bool:
        return pathname in self.disk

    def xDelete(self, filename: str, _syncdir: bool) -> None:  # noqa: FBT001
        del self.disk[filename]

    def xFullPathname(self, name: str) -> str:
        return name


class RecordedFile:
    """A file as SQLite sees it: with each write, synced or not."""

    def __init__(self, system: RecordedFileSystem, name: str) -> None:
        self._system, self._name = system, name
        self._content = system.disk.setdefault(name, bytearray())

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        left = self._system.writes_left
        if left == 0:
            self._do(Write(self._name, offset, bytes(data[: len(data) // 2])))
            self._system.full_at = self._name
            raise apsw.FullError
        self._system.writes_left = None if left is None else left - 1
        self._do(Write(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self._do(Write(self._name, size, None))

    def xSync(self, _flags: int) -> None:
        self._system.record.append(Sync(self._name))

    def xFileSize(self) -> int:
        return len(self._content)

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        # As SQLite's own file system has it: a write changes no byte beside it.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xFileControl(self, _operation: int, _pointer: int) -> bool:
        return False

    def xLock(self, _level: int) -> None:
        return

    xUnlock = xLock

    def xCheckReservedLock(self) -> bool:
        return False

    def xClose(self) -> None:
        return

    def _do(self, write: Write) -> None:
        write.apply(self._system.disk)
        self._system.record.append(write)


@contextmanager
def opened(
    image: bytes, pragmas: Mapping[str, object]
) -> Iterator[tuple[RecordedFileSystem, apsw.Connection]]:
    """Open the image of a database on such a file system, with these pragmas."""
    system = RecordedFileSystem("recorded", {DATABASE: bytearray(image)})
    connection = apsw.Connection(DATABASE, vfs="recorded")
    # The index of the log is in memory then, and not in a file that processes share.
    for name, value in {"locking_mode": "EXCLUSIVE", **pragmas}.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_CHECKPOINT}").fetchall()
    yield system, connection
    connection.close()
    system.unregister()


def write(connection: apsw.Connection, transaction: Transaction) -> None:
    """Execute the statements, and commit."""
    for statement, parameters, is_many in transaction:
        for row in parameters if is_many else [parameters]:
            connection.execute(statement, row).fetchall()
    connection.execute("COMMIT")


def record(
    image: bytes, transactions: Iterable[Transaction], pragmas: Mapping[str, object]
) -> list[Step]:
    """Write the transactions upon the image of a database, and return all that happened."""
    with opened(image, pragmas) as (system, connection):
        system.record.append(Acknowledged(state_of(connection)))
        for transaction in transactions:
            write(connection, transaction)
            system.record.append(Acknowledged(state_of(connection)))
        return list(system.record)


def fill(
    image: bytes,
    transactions: Sequence[Transaction],
    pragmas: Mapping[str, object],
    attempts: int,
) -> tuple[int, bytes]:
    """Write each transaction on a disk that is full after a random number of writes, then again.

    Returns:
        The number of refused attempts, of which none changed anything, and the last state.
    """
    chance, refused = random.Random(14), 0  # noqa: S311 - the same writes each time
    with opened(image, pragmas) as (system, connection):
        for transaction in transactions:
            before = state_of(connection)
            is_written = False
            for _ in range(attempts):
                if is_written:
                    break
                system.writes_left = chance.randrange(24)
                try:
                    write(connection, transaction)
                    is_written = True
                except apsw.FullError:
                    refused += 1
                    system.writes_left = None
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    # Only the checkpoint after a commit writes to the database itself.
                    is_written = system.full_at == DATABASE
                    assert (state_of(connection) != before) == is_written
            system.writes_left = None
            if not is_written:
                write(connection, transaction)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return refused, state_of(connection)


def state_of(connection: Any) -> bytes:  # noqa: ANN401 - of either library
    """Return a digest of every row."""
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    digest = sha256()
    for (table,) in tables:
        digest.update(repr(connection.execute(f"SELECT * FROM {table}").fetchall()).encode())
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Cut:
    """The disk after a power cut, and the transactions that were acknowledged before it."""

    disk: Disk
    acknowledged: int

    def write_to(self, folder: Path) -> Path:
        """Write its files, and return the path of the database."""
        for left in folder.glob("dashtam.db*"):
            left.unlink()
        for name, content in self.disk.items():
            if name:
                (folder / name[1:]).write_bytes(content)
        return folder / DATABASE[1:]


def cuts(image: bytes, steps: Sequence[Step], count: int, *, syncs: bool = True) -> Iterator[Cut]:
    """Yield so many cuts at random moments, in their order; without syncs, of a disk that lies."""
    chance = random.Random(2)  # noqa: S311 - the same cuts each time
    begin = next(at for at, step in enumerate(steps) if isinstance(step, Acknowledged))
    moments = sorted(chance.randrange(begin, len(steps)) for _ in range(count))
    durable: Disk = {DATABASE: bytearray(image)}
    pending: list[Write] = []
    acknowledged = -1
    at = 0
    for moment in moments:
        for step in steps[at : moment + 1]:
            if isinstance(step, Acknowledged):
                acknowledged += 1
            elif isinstance(step, Write):
                pending.append(step)
            elif syncs:
                for write in pending:
                    if write.name == step.name:
                        write.apply(durable)
                pending = [write for write in pending if write.name != step.name]
        at = moment + 1
        disk = {name: bytearray(content) for name, content in durable.items()}
        sectors = [sector for write in pending for sector in write.sectors()]
        if chance.random() < 0.7:
            chance.shuffle(sectors)
        for sector in sectors[: chance.randint(0, len(sectors))]:
            sector.apply(disk)
        yield Cut(disk, acknowledged)


@dataclass(slots=True)
class Outcome:
    """How often a recovered database was not as it must be."""

    cuts: int = 0
    lost: int = 0
    partial: int = 0
    corrupt: int = 0


def recover(cut: Cut, states: Sequence[bytes], folder: Path, outcome: Outcome) -> Path:
    """Open the database as after a restart, and note in the outcome how it is."""
    path = cut.write_to(folder)
    outcome.cuts += 1
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("PRAGMA synchronous = OFF")
            is_whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            state = state_of(connection)
        except sqlite3.DatabaseError:
            is_whole = False
            state = b""
    if not is_whole:
        outcome.corrupt += 1
    elif state not in states:
        outcome.partial += 1
    elif state not in states[cut.acknowledged :]:
        outcome.lost += 1
    return path
