"""A program that answers requests and runs a sync, and tells the modules whose functions ran.

``python -m architecture.traced_paths FOLDER`` works in the folder, which is empty, and writes the
modules of each path into its file ``modules.json``.
"""

import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType

import dashtam
from dashtam.application.provider import Report
from recorded_answers.caller import RecordedApp, applications_to_record
from recorded_answers.recording import Recording
from scripted_provider import account

SOURCE = Path(dashtam.__file__).parent
CSV = "Date,Balance,Account\n2026-11-01,20000.00,{name}\n2026-11-03,20500.10,{name}\n"
YEAR = "start_date=2026-01-01&end_date=2026-12-31"


@dataclass
class ModuleTrace:
    """The project's modules of which a function is called while ``recording`` is open.

    It sees the threads that start after it was given to ``threading.setprofile``. Loading a module
    calls no function of it that counts.
    """

    is_open: bool = False
    files: set[str] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        # The bodies of modules and classes are not optimized code.
        if self.is_open and event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            self.files.add(frame.f_code.co_filename)

    @contextmanager
    def recording(self) -> Iterator[None]:
        self.files = set()
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False

    def modules(self) -> list[str]:
        paths = map(Path, self.files)
        return sorted(
            str(path.relative_to(SOURCE)) for path in paths if path.is_relative_to(SOURCE)
        )


def trace_requests(app: RecordedApp, trace: ModuleTrace) -> dict[str, list[str]]:
    """Return the modules of each kind of request, every kind having been answered before."""
    ada = app.open().person()
    giro = ada.account("Giro", "1.00")
    history = f"/accounts/{giro}/balance-history?{YEAR}"
    found = {}
    for day in (2, 3, 4):
        # No answer is kept longer than to the next commit.
        ada.type(giro, "1.00", f"2026-11-{day:02}")
        file = CSV.format(name=f"Account of {day} November").encode()
        requests: Mapping[str, Callable[[], object]] = {
            "history from the rows": partial(ada.quietly, "GET", f"{history}&source=manual_sync"),
            "history from the cache": partial(ada.quietly, "GET", history),
            "kept answer": partial(ada.quietly, "GET", history),
            "import": partial(ada.quietly, "POST", "/imports", files={"file": ("a.csv", file)}),
        }
        for name, request in requests.items():
            app.clock.advance(seconds=30)
            with trace.recording():
                request()
            found[name] = trace.modules()
    return found


def trace_scheduled_sync(app: RecordedApp, trace: ModuleTrace) -> list[str]:
    """Return the modules of a worker's second sync."""
    app.sign_in().connect()
    for _ in range(2):
        advance_until_due(app)
        app.provider.script = [stop_the_worker]
        installation = app.applications.installation(registration="open")
        with trace.recording():
            installation.work(lambda: None)
        # The worker that has ended sends one signal more.
        signal.sigwait({signal.SIGTERM})
    (run, *_) = app.open().sign_in().quietly("GET", "/syncs")["syncs"]
    assert (run["source"], run["state"]) == ("scheduled_sync", "succeeded")
    return trace.modules()


def advance_until_due(app: RecordedApp) -> None:
    connections = app.open().sign_in().quietly("GET", "/connections")["connections"]
    (due,) = (one["next_sync_at"] for one in connections if one["next_sync_at"])
    app.close()
    app.clock.now = datetime.fromisoformat(due) + timedelta(seconds=1)


def stop_the_worker() -> Report:
    """Answer the worker, which finishes the sync that it has begun."""
    os.kill(os.getpid(), signal.SIGTERM)
    return Report([account("2.00")])


def main() -> None:
    folder = Path(sys.argv[1])
    # Every thread has this from the main thread, where the worker waits for the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    trace = ModuleTrace()
    threading.setprofile(trace)
    applications = applications_to_record(f"sqlite:///{folder / 'dashtam.db'}", folder / "data")
    applications.has_network = True
    app = RecordedApp(applications, Recording("none"))
    found = trace_requests(app, trace)
    found["scheduled sync"] = trace_scheduled_sync(app, trace)
    app.close()
    (folder / "modules.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
