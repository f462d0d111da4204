"""Answers that go on: something is asked for news, again and again, until it has ended."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

import anyio
import anyio.to_thread
from starlette.responses import StreamingResponse

from dashtam.presentation.http.request_context import StreamPart

POLL_EVERY_S: Final = 0.5

NextPart = Callable[[], StreamPart]


class EventStream(StreamingResponse):
    """Sends what is new as soon as it is found out; ``run`` calls the asking in a thread.

    Between two askings no thread is held, so that many may follow at once.
    """

    run: Callable[[NextPart], Awaitable[StreamPart]]

    def __init__(self, stream: NextPart, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(self._pieces(), 200, headers, media_type)
        self._follow = stream
        self.run = anyio.to_thread.run_sync

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            piece = await self.run(self._follow)
            if piece.data:
                yield piece.data
            if piece.is_last:
                return
            await anyio.sleep(POLL_EVERY_S)
