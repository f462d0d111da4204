"""The ceiling: a bare ASGI application that sends answers it was given, on Dashtam's own server."""

import sys
from pathlib import Path
from typing import Final

import msgspec
from starlette.types import Message, Receive, Scope, Send

from dashtam.presentation.http.server import serve


class Answer(msgspec.Struct, frozen=True):
    """What Dashtam answered to one request target, byte for byte."""

    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int = 200


class Ceiling:
    """Sends the answer that belongs to the request's target, and does nothing else."""

    def __init__(self, answers: list[Answer]) -> None:
        self._messages: Final[dict[bytes, tuple[Message, Message]]] = {
            answer.target: (
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": answer.headers,
                },
                {"type": "http.response.body", "body": answer.body},
            )
            # Where one target has several answers, as the latest of each user, the first.
            for answer in reversed(answers)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go along with the server's start and stop."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        target = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        start, body = self._messages[target]
        await send(start)
        await send(body)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


if __name__ == "__main__":
    path, port = sys.argv[1:]
    kept = msgspec.msgpack.decode(Path(path).read_bytes(), type=list[Answer])
    serve(Ceiling(kept), host="127.0.0.1", port=int(port))
