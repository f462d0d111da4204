"""Inboxes: folders whose files are imported once, and then moved."""

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Import, SentFile
from dashtam.application.imports.folders import find_files, open_file
from dashtam.application.ports import Services
from dashtam.application.syncs.syncs import SyncRunning
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.errors import (
    Conflict,
    DashtamError,
    MappingNeeded,
    NotFound,
    Unavailable,
    Unprocessable,
)
from dashtam.domain.user import User

POLL_S: Final = 5.0
DONE: Final = "done"
REFUSED: Final = "refused"

_REASON: Final = ".reason.txt"
# The names of files that browsers and file transfers have not finished.
_UNFINISHED: Final = {".crdownload", ".download", ".filepart", ".part", ".partial", ".tmp"}

_Stamp = tuple[int, int, int]


class InboxUnusable(Unavailable):
    """The folder cannot be read, written or locked; the detail gives the reason."""


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file that left the inbox: ``result`` is None where it was refused for ``reason``.

    A reason beside a result names the lines that were refused. ``path`` is the file's new place.
    """

    name: str
    path: Path
    result: Import | None
    reason: str


@dataclass(slots=True)
class _Read:
    """A file that was imported or refused, and has to be moved."""

    stamp: _Stamp
    result: Import | None = None
    reason: str = ""


@dataclass(slots=True)
class Inbox:
    """A folder that one process watches; sub-folders, links and hidden files stay where they are.

    A file is taken when two looks in a row find it unchanged. It is moved after its import is
    recorded: a process that is killed in between has it imported again, which adds no snapshot.
    """

    folder: Path
    _seen: dict[Path, _Stamp] = field(default_factory=dict)
    _read: dict[Path, _Read] = field(default_factory=dict)
    _broken: dict[Path, _Stamp] = field(default_factory=dict)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from watching the folder.

        Raises:
            InboxUnusable: another one does, or it cannot be written.
        """
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _unusable(error) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InboxUnusable(detail="Another process watches this folder.") from None
            except OSError:
                pass  # Some network file systems have no locks.
            try:
                for name in (DONE, REFUSED):
                    (self.folder / name).mkdir(exist_ok=True)
            except OSError as error:
                raise _unusable(error) from None
            yield
        finally:
            os.close(descriptor)

    def look(
        self,
        services: Services,
        sent_file: Callable[..., SentFile],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[InboxFile]:
        """Import and move each file that is complete; one that cannot be moved stays read.

        Raises:
            InboxUnusable: the folder cannot be read or written.
            DashtamError: nothing can be recorded at the moment; the files stay.
        """
        before, self._seen = self._seen, dict(self._find())
        for known in (self._read, self._broken):
            for gone in known.keys() - self._seen.keys():
                del known[gone]
        complete = [
            path
            for path, stamp in self._seen.items()
            if before.get(path) == stamp and self._broken.get(path) != stamp
        ]
        if not complete:
            return
        with services.statement_files.for_many() as statement_files:
            one_process = replace(services, statement_files=statement_files)
            for path in complete:
                if is_stopping():
                    return
                read = self._read.get(path)
                if read is None or read.stamp != self._seen[path]:
                    read = self._import(one_process, path, sent_file)
                    if read is None:
                        continue
                    self._read[path] = read
                # A file that was written meanwhile is read again.
                if _stamp_of(path) == read.stamp:
                    moved = self._move(path, read)
                    del self._read[path]
                    yield moved

    def _find(self) -> Iterator[tuple[Path, _Stamp]]:
        for found in find_files([self.folder], is_recursive=False):
            path = found.path
            if path == self.folder:
                raise InboxUnusable(found.left_out)
            if found.left_out is None and path.suffix.lower() not in _UNFINISHED:
                stamp = _stamp_of(path)
                if stamp is not None:
                    yield path, stamp

    def _import(
        self, services: Services, path: Path, sent_file: Callable[..., SentFile]
    ) -> _Read | None:
        """Import the file, or find the reason that refuses it; None for one that is gone."""
        stamp = self._seen[path]
        read = _Read(stamp)
        try:
            with open_file(path) as file:
                read.result = file_import.import_file(
                    services, sent_file(file=file, file_name=path.name)
                )
            read.reason = _refused_lines(read.result)
        except SyncRunning:
            raise
        except (Unprocessable, Conflict, NotFound) as error:
            read.reason = _reason_of(error)
        except DashtamError:
            raise
        except FileNotFoundError:
            return None
        except PermissionError as error:
            read.reason = f"It cannot be read: {error.strerror}.\n"
        except Exception:
            # A file that makes the import fail in an unforeseen way is left, and others go on.
            self._broken[path] = stamp
            raise
        return read

    def _move(self, path: Path, read: _Read) -> InboxFile:
        folder = self.folder / (REFUSED if read.result is None else DONE)
        target = _free(folder, path)
        reason = target.with_name(target.name + _REASON)
        try:
            # The reason goes first: a file is never without it.
            if read.reason:
                reason.write_text(read.reason, encoding="utf-8")
            else:
                reason.unlink(missing_ok=True)
            path.rename(target)
        except OSError as error:
            raise _unusable(error) from None
        return InboxFile(path.name, target, read.result, read.reason)


def find_owner(work: UnitOfWork, email: str | None) -> User:
    """Return the user with this e-mail, without one the only user.

    Raises:
        InboxUnusable: there is no such user, or more than one.
    """
    if email is not None:
        user = work.users.find_by_email(email)
        if user is None:
            raise InboxUnusable(detail="No user has the e-mail that is set for the inbox.")
        return user
    found = work.users.all()
    if len(found) != 1:
        several = "Several people keep accounts here: a setting must name one of them."
        raise InboxUnusable(several if found else "Nobody keeps accounts here yet.")
    return found[0]


def _stamp_of(path: Path) -> _Stamp | None:
    """Return a stamp that a change alters; None for a file that is empty, gone or special."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _free(folder: Path, path: Path) -> Path:
    """Return the file's name in the folder, with a number where it is taken."""
    target, number = folder / path.name, 2
    while os.path.lexists(target):
        target = folder / f"{path.stem} ({number}){path.suffix}"
        number += 1
    return target


def _refused_lines(result: Import) -> str:
    if not result.refused:
        return ""
    return _text(
        "The rest was recorded; these lines were refused:",
        (
            f"line {problem.line}: {problem.detail}" if problem.line else problem.detail
            for imported in result.accounts
            for problem in imported.problems
        ),
    )


def _reason_of(error: DashtamError) -> str:
    texts = {f"{one.place}: {one.detail}" for one in error.field_errors if one.detail != str(error)}
    lines = sorted(texts)
    if isinstance(error, MappingNeeded) and error.proposal is not None:
        example = json.dumps(dict(error.proposal.example_mapping), ensure_ascii=False)
        lines.append(f"Import it with a mapping, such as --mapping '{example}'")
    return _text(str(error), lines)


def _text(first: str, lines: Iterable[str]) -> str:
    return "\n".join([first, *lines, ""])


def _unusable(error: OSError) -> InboxUnusable:
    return InboxUnusable(f"The folder cannot be used: {error.strerror}.")
