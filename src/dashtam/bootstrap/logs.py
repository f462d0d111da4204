"""The log: one JSON object a line on standard error, each an event with a fixed name."""

import logging
import sys
import traceback

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger


def configure(level: str, *, debug: bool = False) -> None:
    """Have every log line written as one JSON object, from ``level`` (such as ``info``) up.

    What an exception says may quote a balance or a name, so only ``debug`` has it written.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_tell_all] if debug else []),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _tell_all(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """Add the exception that is being handled, with what it says."""
    if level == "error" and sys.exception() is not None:
        event["traceback"] = traceback.format_exc()
    return event


def _json(event: object, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
