"""Responses that stay open and send news as it arrives."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from starlette.responses import StreamingResponse

POLL_EVERY_S: Final = 0.5


class EventStream(StreamingResponse):
    """Sends the parts of an iterator; an empty part is no news.

    ``run`` calls a function in a worker thread. Between two calls no thread is held, so that many
    clients can follow at once.
    """

    run: Callable[[Callable[[], bytes | None]], Awaitable[bytes | None]]

    def __init__(self, parts: Iterator[bytes], headers: Mapping[str, str], media_type: str) -> None:
        # A proxy such as nginx would hold the events back until it has a buffer full.
        headers = {**headers, "X-Accel-Buffering": "no"}
        super().__init__(self._send_parts(parts), 200, headers, media_type)
        self.run = anyio.to_thread.run_sync

    async def _send_parts(self, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (part := await self.run(partial(next, parts, None))) is not None:
            if part:
                yield part
            else:
                await anyio.sleep(POLL_EVERY_S)
