"""The log: one JSON object a line on standard error, each an event with a fixed name."""

import logging
import sys
import traceback

import structlog
from structlog.typing import EventDict, WrappedLogger

get_logger = structlog.get_logger


def configure(level: str, *, debug: bool = False) -> None:
    """Log events from ``level`` (such as ``info``) up, with tracebacks if ``debug``.

    The message of an exception may quote a balance or a name, so it is not logged otherwise.
    """

    def add_traceback(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        if level == "error" and sys.exception() is not None:
            event["traceback"] = traceback.format_exc()
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([add_traceback] if debug else []),
            structlog.processors.JSONRenderer(
                default=str, ensure_ascii=False, separators=(",", ":")
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
