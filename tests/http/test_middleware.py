"""The middleware names, bounds, answers and logs every request, also when the application fails."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from dashtam.presentation.http.middleware import BodyLimits, EdgeMiddleware
from dashtam.presentation.http.problems import Problems
from http_server import answer as send_answer
from http_server import app as counting_app
from http_server import connect, read_until_closed, running

SECRET = "4711.00"  # noqa: S105 - a balance that no log may hold


@dataclass
class Answer:
    """The messages that the middleware sent, and its log."""

    messages: list[Message]
    logs: list[dict[str, Any]]

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["trace_id"] == self.headers["x-request-id"]
        return problem


def scope_of(
    path: str = "/api/v1/accounts",
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": list(headers),
    }


def ask(
    app: ASGIApp, scope: Scope, chunks: tuple[bytes, ...] = (b"",), *, leaves: bool = False
) -> Answer:
    """Send one request through the edge; a client that leaves does so after its chunks."""
    sent: list[Message] = []
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": leaves or number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as logs:
        edge = EdgeMiddleware(
            app,
            problems=Problems(),
            log=structlog.get_logger(),
            bodies=BodyLimits(max_bytes=100, max_import_bytes=1000),
        )
        asyncio.run(edge(scope, receive, send))
    return Answer(sent, [dict(entry) for entry in logs])


async def counting(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send
    balance = SECRET
    try:
        int(balance)
    except ValueError as trouble:
        message = f"no account with {balance}"
        raise LookupError(message) from trouble


async def failing_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await failing(scope, receive, send)


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send


def test_each_answer_carries_a_name_of_ours_and_nosniff() -> None:
    answer = ask(counting, scope_of(headers=((b"x-request-id", b"theirs"),)), (b"abc",))
    assert (answer.status, answer.body) == (200, b"3")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] != ask(counting, scope_of()).headers["x-request-id"]


def test_the_application_knows_the_name_and_cannot_send_another() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"X-Request-Id": "other", "X-Content-Type-Options": "other"}
        response = PlainTextResponse(scope["state"]["trace_id"], headers=headers)
        await response(scope, receive, send)

    answer = ask(app, scope_of())
    assert answer.body.decode() == answer.headers["x-request-id"]
    assert len(answer.messages[0]["headers"]) == 4


def test_one_event_tells_the_end_of_a_request_without_its_query() -> None:
    answer = ask(counting, scope_of(query=b"token=" + SECRET.encode()))
    (event,) = answer.logs
    assert 0 <= event.pop("took_s") < 5
    assert event == {
        "event": "request_finished",
        "log_level": "info",
        "method": "POST",
        "path": "/api/v1/accounts",
        "status": 200,
        "trace_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "dta_" + "Q" * 43,
        "dtr_" + "Q" * 91,
        "Bearer dta_Q",
        "ada@example.com",
        "DE89370400440532013000",
        "\x1b[2J",
        "\u202etxt",
    ],
)
@pytest.mark.parametrize("app", [counting, failing])
def test_a_token_in_a_path_is_not_logged(app: ASGIApp, secret: str) -> None:
    account_id = "0d3b0a6e-8f0a-4d0c-9f56-2f8c1f6f6f10"
    path = f"/api/v1/accounts/{account_id}/balance-history/{secret}"
    logged = {entry["path"] for entry in ask(app, scope_of(path)).logs}
    assert logged == {path.replace(secret, "…")}


@pytest.mark.parametrize(
    ("method", "app", "level"),
    [("GET", counting, "debug"), ("GET", failing, "info"), ("DELETE", counting, "info")],
)
def test_successful_reads_are_logged_at_the_lowest_level_alone(
    method: str, app: ASGIApp, level: str
) -> None:
    scope = dict(scope_of(), method=method)
    assert ask(app, scope).logs[-1]["log_level"] == level


@pytest.mark.parametrize(("path_bytes", "query_bytes"), [(16 * 1024, 0), (10, 16 * 1024)])
def test_an_address_over_16_kib_is_refused(path_bytes: int, query_bytes: int) -> None:
    answer = ask(failing, scope_of("/" + "x" * (path_bytes - 1), b"q" * query_bytes))
    assert (answer.status, answer.problem["type"].rpartition("/")[2]) == (400, "validation_failed")
    assert len(answer.logs[0]["path"]) <= 200


def test_an_address_of_16_kib_is_read() -> None:
    assert ask(counting, scope_of("/" + "x" * 1000, b"q" * (16 * 1024 - 1002))).status == 200


@pytest.mark.parametrize("app", [failing, silent])
def test_a_failure_is_a_problem_that_tells_nothing(app: ASGIApp) -> None:
    answer = ask(app, scope_of())
    assert answer.problem == {
        "type": "https://api.dashtam.com/errors/internal_error",
        "title": "Internal Error",
        "status": 500,
        "detail": "Something went wrong here. It was logged.",
        "instance": "/api/v1/accounts",
        "trace_id": answer.headers["x-request-id"],
    }
    assert [entry["event"] for entry in answer.logs] == ["request_failed", "request_finished"]
    assert answer.logs[1]["status"] == 500


def test_the_log_tells_where_it_failed_and_no_values() -> None:
    event = ask(failing, scope_of()).logs[0]
    assert event["error"] == "builtins.LookupError from ValueError"
    assert "in failing" in event["frames"]
    assert "int(balance)" in event["frames"]
    assert SECRET not in str(event)


def test_a_failure_after_the_answer_began_adds_nothing_to_it() -> None:
    answer = ask(failing_late, scope_of())
    assert [message["type"] for message in answer.messages] == ["http.response.start"]
    assert [entry["event"] for entry in answer.logs] == ["request_failed", "request_finished"]


def test_a_body_that_is_declared_too_large_is_not_read() -> None:
    answer = ask(failing, scope_of(headers=((b"content-length", b"101"),)))
    assert (answer.status, answer.problem["title"]) == (413, "Payload Too Large")
    assert [entry["event"] for entry in answer.logs] == ["request_finished"]


@pytest.mark.parametrize(
    ("path", "count", "status"),
    [
        ("/api/v1/accounts", 100, 200),
        ("/api/v1/accounts", 101, 413),
        ("/api/v1/imports", 1000, 200),
        ("/api/v1/imports", 1001, 413),
        ("/api/v1/imports/formats", 101, 413),
    ],
)
def test_a_body_that_nobody_declared_is_counted(path: str, count: int, status: int) -> None:
    chunks = (*((b"x",) * (count - 1)), b"x")
    answer = ask(counting, scope_of(path), chunks)
    assert answer.status == status
    declared = ask(counting, scope_of(path, headers=((b"content-length", b"%d" % count),)), chunks)
    assert declared.status == status


def test_an_application_that_catches_everything_cannot_answer_in_place_of_a_413() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await counting(scope, receive, send)
        except Exception:  # noqa: BLE001 - that is the case
            await PlainTextResponse("mine", 500)(scope, receive, send)

    answer = ask(app, scope_of(), (b"x" * 60, b"x" * 60, b"x" * 60))
    assert answer.problem["status"] == 413
    assert [entry["status"] for entry in answer.logs] == [413]


def test_a_client_that_leaves_is_no_failure() -> None:
    answer = ask(counting, scope_of(), (b"abc",), leaves=True)
    assert answer.messages == []
    assert [(entry["event"], entry["status"]) for entry in answer.logs] == [
        ("request_finished", None)
    ]


def test_a_server_that_stops_says_so() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise asyncio.CancelledError

    answer = ask(app, scope_of())
    assert (answer.status, answer.problem["title"]) == (503, "Unavailable")


def test_the_lifespan_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append(scope["type"])

    assert ask(app, {"type": "lifespan"}).logs == []
    assert seen == ["lifespan"]


@pytest.mark.parametrize("length", [b"Content-Length: 1200000", b"Transfer-Encoding: chunked"])
def test_a_413_reaches_a_client_that_is_still_sending_and_the_connection_lives(
    length: bytes,
) -> None:
    edge = EdgeMiddleware(counting_app, problems=Problems(), log=structlog.get_logger())
    chunks = [b"x" * 100_000] * 12
    if b"chunked" in length:
        chunks = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks] + [b"0\r\n\r\n"]
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n"
    with capture_logs() as logs, running(app=edge) as port, connect(port, head) as wire:
        for chunk in chunks:
            wire.sendall(chunk)
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received, _ = read_until_closed(wire)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert [entry["status"] for entry in logs] == [413, 200]


def test_an_answer_that_breaks_off_ends_the_connection_and_is_printed_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await counting_app(scope, receive, send)
        elif scope["path"] == "/late":
            await failing_late(scope, receive, send)
        elif scope["path"] == "/early":
            await failing(scope, receive, send)
        else:
            await send_answer(send, b"")

    edge = EdgeMiddleware(app, problems=Problems(), log=structlog.get_logger())
    with capture_logs() as logs, running(app=edge, log_level="warning") as port:
        answers = []
        for path in (b"early", b"late"):
            head = b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
            with connect(port, head) as wire:
                answers.append(read_until_closed(wire)[0])
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 500", b"HTTP/1.1 200"]
    assert not any(SECRET.encode() in answer for answer in answers)
    # Without the last chunk the client knows that something is missing.
    assert not answers[1].endswith(b"0\r\n\r\n")
    assert sum(entry["event"] == "request_failed" for entry in logs) == 2
    assert "Traceback" not in "".join(capfd.readouterr())
