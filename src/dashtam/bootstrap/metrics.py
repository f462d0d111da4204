"""Metrics for Prometheus."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import prometheus_client as prometheus
from prometheus_client.multiprocess import MultiProcessCollector

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY = "/dev/shm"  # noqa: S108 - the folder inside it is private
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@contextmanager
def shared_metrics() -> Iterator[Path]:
    """Yield a folder for the metrics of processes that start inside the ``with`` block.

    The library reads the folder from the environment, when a process imports it. It maps the files
    into memory, where a full disk would kill a process: they are kept in memory, if possible.
    """
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="dashtam-metrics-", dir=memory) as folder:
        os.environ[_FOLDER_VARIABLE] = folder  # noqa: TID251 - see above
        try:
            yield Path(folder)
        finally:
            del os.environ[_FOLDER_VARIABLE]  # noqa: TID251 - see above


class Metrics:
    """Counts and times of requests; labels are methods and statuses, never paths or people.

    Without a folder they are those of this process, with its memory and processor time. With the
    folder of ``shared_metrics`` they are those of all processes that share it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = prometheus.CollectorRegistry()
        if folder is None:
            prometheus.ProcessCollector(registry=self._registry)
        self._requests = prometheus.Counter(
            "dashtam_requests", "Requests answered.", ("method", "status"), registry=self._registry
        )
        self._durations = prometheus.Histogram(
            "dashtam_request_seconds",
            "Time from a request's headers to the end of its answer.",
            registry=self._registry,
            buckets=_BUCKETS_S,
        )
        self._dropped_log_lines = prometheus.Counter(
            "dashtam_log_lines_dropped",
            "Lines of the log that could not be written.",
            registry=self._registry,
        )
        self._counters: dict[tuple[str, int], prometheus.Counter] = {}

    def observe(self, method: str, status: int, took_s: float) -> None:
        """Count one answered request."""
        counter = self._counters.get((method, status))
        if counter is None:
            counter = self._counters[method, status] = self._requests.labels(method, str(status))
        counter.inc()
        self._durations.observe(took_s)

    def count_dropped_log_line(self) -> None:
        """Count one line of the log that could not be written."""
        self._dropped_log_lines.inc()

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        if self._folder is None:
            return prometheus.generate_latest(self._registry)
        registry = prometheus.CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call] # its author gives no types
        return prometheus.generate_latest(registry)
