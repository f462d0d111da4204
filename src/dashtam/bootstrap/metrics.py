"""Metrics for Prometheus."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

# The library looks nowhere else, and when it is loaded.
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@contextmanager
def shared_metrics() -> Iterator[Path]:
    """Yield a folder where processes that are started meanwhile keep what they count."""
    with TemporaryDirectory(prefix="dashtam-metrics-") as folder:
        os.environ[_FOLDER] = folder  # noqa: TID251 - see above
        try:
            yield Path(folder)
        finally:
            del os.environ[_FOLDER]  # noqa: TID251 - see above


class Metrics:
    """Counts and times; labels are methods and statuses, never paths or people.

    Those of one process, with its memory and processor time; or, in a process that was started
    while ``shared_metrics``, those of all that share the folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        if folder is None:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "dashtam_requests", "Requests answered.", ("method", "status"), registry=self._registry
        )
        self._took = Histogram(
            "dashtam_request_seconds",
            "Time from a request's headers to the end of its answer.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._answered: dict[tuple[str, int], Counter] = {}

    def observe(self, method: str, status: int, took_s: float) -> None:
        """Count one answered request."""
        answered = self._answered.get((method, status))
        if answered is None:
            answered = self._answered[method, status] = self._requests.labels(method, str(status))
        answered.inc()
        self._took.observe(took_s)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._folder))  # type: ignore[no-untyped-call] # its author gives no types
        return generate_latest(together)
