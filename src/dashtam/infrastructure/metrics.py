"""Metrics for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counts and times of one process; labels are methods and statuses, never paths or people."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
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

    def observe(self, method: str, status: int, took_s: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, str(status)).inc()
        self._took.observe(took_s)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
