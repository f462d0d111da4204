"""The log. Its library is loaded with the first line: most commands write none."""

from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class _Log:
    def __getattr__(self, level: str) -> Any:  # noqa: ANN401 - a method of the logger
        from structlog import get_logger  # noqa: PLC0415 - see above

        return getattr(get_logger(), level)


log: Final = cast("FilteringBoundLogger", _Log())
