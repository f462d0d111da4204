"""Inboxes: files that appear in a folder are imported once, and moved."""

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from application import App, Person
from concurrency import wait_until
from dashtam.application.imports.file_import import SentFile
from dashtam.application.imports.inbox import Inbox, InboxFile, InboxUnusable
from dashtam.application.provider import Report
from dashtam.bootstrap.inbox_task import InboxTask
from dashtam.bootstrap.worker import Worker, WorkerOptions
from dashtam.domain.errors import Unavailable
from scripted_provider import account

TABLE = "Date,Balance,Account\n2025-01-01,100.00,Checking\n2025-02-01,90.10,Checking\n"
BAD_LINE = f"{TABLE}2025-02-30,1,Checking\n"
STRANGE = "When;What\n31.01.2025;12,50\n"

Look = Callable[[], list[InboxFile]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


@pytest.fixture
def look(app: App, ada: Person, folder: Path) -> Iterator[Look]:
    """Look twice into the folder, as a process does that watches it."""
    inbox = Inbox(folder)

    def twice() -> list[InboxFile]:
        sent_file = partial(SentFile, user_id=ada.id)
        return [one for _ in range(2) for one in inbox.look(app.services, sent_file)]

    with inbox.locked():
        yield twice


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def counts(app: App) -> tuple[int, int]:
    """Return the number of snapshots and of runs."""
    ((snapshots,),) = app.query("SELECT count(*) FROM balance_snapshots")
    ((runs,),) = app.query("SELECT count(*) FROM syncs")
    return snapshots, runs


def test_a_file_is_imported_once_and_moved(app: App, folder: Path, look: Look) -> None:
    (folder / "a.csv").write_text(TABLE)
    (moved,) = look()
    assert (moved.path, moved.reason) == (folder / "done" / "a.csv", "")
    assert moved.result is not None
    assert moved.result.recorded == 2
    assert look() == []
    assert files(folder) == ["done/a.csv"]
    assert counts(app) == (2, 1)
    assert app.query("SELECT file_name FROM syncs") == [("a.csv",)]


def test_refused_files_and_lines_have_the_reason_beside_them(
    app: App, folder: Path, look: Look
) -> None:
    (folder / "bad line.csv").write_text(BAD_LINE)
    (folder / "note.txt").write_text("Nothing of a bank.")
    (folder / "strange.csv").write_text(STRANGE)
    assert [one.result is None for one in look()] == [False, True, True]
    names = "bad line.csv", "note.txt", "strange.csv"
    places = "done", "refused", "refused"
    assert files(folder) == sorted(
        f"{place}/{name}{end}"
        for place, name in zip(places, names, strict=True)
        for end in ("", ".reason.txt")
    )
    assert "line 4: " in (folder / "done" / "bad line.csv.reason.txt").read_text()
    reason = (folder / "refused" / "strange.csv.reason.txt").read_text()
    assert "/mapping/" in reason
    assert "--mapping '{" in reason
    assert counts(app) == (2, 1)


def test_a_file_that_is_being_written_waits(app: App, folder: Path, look: Look) -> None:
    file = folder / "a.csv"
    file.touch()
    assert look() == []
    inbox, sent_file = Inbox(folder), partial(SentFile, user_id=app.person("bob@example.com").id)
    for end in range(10, len(TABLE) + 10, 10):
        file.write_text(TABLE[:end])
        os.utime(file, ns=(end, end))
        assert list(inbox.look(app.services, sent_file)) == []
    (moved,) = inbox.look(app.services, sent_file)
    assert moved.result is not None
    assert moved.result.recorded == 2


@pytest.mark.parametrize("name", [".hidden.csv", "a.csv.part", "a.csv.crdownload", "b.tmp"])
def test_unfinished_and_hidden_files_stay(folder: Path, look: Look, name: str) -> None:
    (folder / name).write_text(TABLE)
    assert look() == []
    assert files(folder) == [name]


def test_links_folders_and_pipes_stay(folder: Path, tmp_path: Path, look: Look) -> None:
    (tmp_path / "secret.csv").write_text(TABLE)
    (folder / "a.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(folder / "b.csv")
    (folder / "c").mkdir()
    (folder / "c" / "c.csv").write_text(TABLE)
    assert look() == []


def test_a_kill_between_the_record_and_the_move_records_nothing_twice(
    app: App, ada: Person, folder: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text(BAD_LINE)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", kill)
        with pytest.raises(Killed):
            look()
    assert counts(app)[0] == 2
    assert "a.csv" in files(folder)
    # Another process, which knows nothing of the first one.
    inbox, sent_file = Inbox(folder), partial(SentFile, user_id=ada.id)
    (moved,) = [one for _ in range(2) for one in inbox.look(app.services, sent_file)]
    assert moved.result is not None
    assert (moved.result.recorded, moved.result.skipped) == (0, 2)
    assert files(folder) == ["done/a.csv", "done/a.csv.reason.txt"]
    assert counts(app)[0] == 2


def test_a_file_that_cannot_be_moved_is_imported_once(
    app: App, folder: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text(TABLE)

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        for _ in range(3):
            with pytest.raises(InboxUnusable, match="Permission denied"):
                look()
    assert counts(app) == (2, 1)
    assert [one.path.name for one in look()] == ["a.csv"]
    assert counts(app) == (2, 1)


def test_no_file_is_overwritten(folder: Path, look: Look) -> None:
    for text in (TABLE, TABLE.replace("90.10", "91"), TABLE):
        (folder / "a.csv").write_text(text)
        look()
    assert files(folder) == ["done/a (2).csv", "done/a (3).csv", "done/a.csv"]
    assert "91" in (folder / "done" / "a (2).csv").read_text()


def test_an_unreachable_database_leaves_the_file(
    app: App, folder: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text(TABLE)

    def fail(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr("dashtam.application.imports.file_import.import_file", fail)
        with pytest.raises(Unavailable):
            look()
    assert files(folder) == ["a.csv"]
    assert [one.path.name for one in look()] == ["a.csv"]
    assert counts(app) == (2, 1)


def test_an_unforeseen_error_leaves_its_file_and_takes_the_others(
    folder: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.csv").write_text(TABLE)

    def fail(*_: object) -> None:
        raise ValueError

    with monkeypatch.context() as patch:
        patch.setattr("dashtam.application.imports.file_import.import_file", fail)
        with pytest.raises(ValueError):  # noqa: PT011 - any
            look()
    (folder / "b.csv").write_text(TABLE)
    assert [one.path.name for one in look()] == ["b.csv"]
    assert "a.csv" in files(folder)


def test_one_process_watches_a_folder(folder: Path, look: Look) -> None:
    assert look() == []
    with pytest.raises(InboxUnusable, match="Another process"), Inbox(folder).locked():
        pass
    with pytest.raises(InboxUnusable, match="No such"), Inbox(folder / "none").locked():
        pass


def test_a_worker_watches_the_inbox_beside_its_syncs(
    app: App, ada: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.connected(ada)
    app.clock.advance(days=1)
    app.provider.usual = Report([account("7.00")])
    (folder / "a.csv").write_text(TABLE)
    begun, may_end = threading.Event(), threading.Event()
    real = Inbox._move  # noqa: SLF001 - to hold it up

    def slowly(self: Inbox, *words: object) -> InboxFile:
        begun.set()
        assert may_end.wait(60)
        return real(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(Inbox, "_move", slowly)
    task = InboxTask(app.services, get_logger(), folder, poll_s=0.01)
    options = WorkerOptions(poll_s=0.01)
    worker = Worker(app.services, get_logger(), options, last_poll_at=app.clock(), inbox=task)
    due = "SELECT count(*) FROM syncs WHERE due_at IS NOT NULL AND state = 'succeeded'"
    with capture_logs() as lines, worker.running():
        assert begun.wait(60)
        wait_until(lambda: app.query(due) == [(1,)])
        may_end.set()
        wait_until(lambda: files(folder) == ["done/a.csv"])
    assert "a.csv" not in repr(lines)
    assert any(line["event"] == "inbox_file_imported" for line in lines)
    assert lines[-1]["event"] == "worker_stopped"


def test_an_inbox_of_several_people_waits_until_one_is_named(
    app: App, ada: Person, folder: Path
) -> None:
    bob = app.person("bob@example.com")
    (folder / "a.csv").write_text(TABLE)
    stopping = threading.Event()
    nobody = InboxTask(app.services, get_logger(), folder, poll_s=0.01)
    with capture_logs() as lines, nobody.running(stopping):
        wait_until(lambda: bool(lines))
        stopping.set()
    assert [line["event"] for line in lines] == ["inbox_waits"]
    stopping.clear()
    named = InboxTask(app.services, get_logger(), folder, "bob@example.com", poll_s=0.01)
    with named.running(stopping):
        wait_until(lambda: files(folder) == ["done/a.csv"])
        stopping.set()
    assert bob.get("/accounts").json()["total_count"] == 1
    assert ada.get("/accounts").json()["total_count"] == 0
