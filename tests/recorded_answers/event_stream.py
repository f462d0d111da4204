"""An answer that is read piece by piece, which the test client cannot do."""

from collections.abc import Callable

import anyio
import anyio.to_thread
from httpx2 import Response
from starlette.types import Message, Scope

from recorded_answers.caller import API, Caller


def follow(caller: Caller, path: str, after_first: Callable[[], object]) -> Response:
    """Return the whole answer; the function is called when its first piece has arrived.

    Meanwhile the function can send requests: it has a thread of its own.
    """
    client = caller.app.client
    assert client.portal is not None, "the client was entered"
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": API + path,
        "raw_path": (API + path).encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {caller.token}".encode())],
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 8000),
    }
    coming: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not coming:
            await anyio.sleep_forever()
        return coming.pop()

    async def send(message: Message) -> None:
        sent.append(message)
        if [message["type"] for message in sent].count("http.response.body") == 1:
            await anyio.to_thread.run_sync(after_first)

    client.portal.call(client.app, scope, receive, send)
    start, *pieces = sent
    body = b"".join(piece["body"] for piece in pieces)
    return Response(start["status"], headers=start["headers"], content=body)
