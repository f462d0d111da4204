"""The log. Its library is loaded with the first line: most commands write none."""

import sys
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class _Log:
    def __getattr__(self, level: str) -> Any:  # noqa: ANN401 - a method of the logger
        import structlog  # noqa: PLC0415 - see above

        if not structlog.is_configured():
            # A command that is no server; its answer goes to standard output.
            structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
        return getattr(structlog.get_logger(), level)


log: Final = cast("FilteringBoundLogger", _Log())
