"""Compares the answers of the fast path with those from the rows."""

import json
from collections.abc import Collection
from copy import copy
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from application import UNLIMITED, Applications
from dashtam.presentation.routers.api.v1.routes.fast_path import FastPath

SHOWN_BYTES = 60


def open_plain(applications: Applications) -> TestClient:
    """Return a client of the same database that is served from the rows alone."""
    without_cache = applications.installation(
        lambda real: replace(real, history_cache=lambda: None), rate_limits=UNLIMITED
    )
    return TestClient(without_cache.app(), raise_server_exceptions=False)


def watch_fast_path(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that tells of each request the fast path could answer whether it did."""
    answered: list[bool] = []
    call = FastPath.__call__

    async def watched(fast_path: FastPath, scope: Scope, receive: Receive, send: Send) -> None:
        passed = fast_path._app  # noqa: SLF001 - it is watched, not used

        async def passed_on(*given: Any) -> None:  # noqa: ANN401 - as they come
            answered.append(False)
            await passed(*given)

        of_snapshots = scope.get("path", "").endswith(("/balance-snapshots", "/balance-history"))
        if scope["type"] != "http" or scope["method"] != "GET" or not of_snapshots:
            await call(fast_path, scope, receive, send)
            return
        before = len(answered)
        watching = copy(fast_path)
        watching._app = passed_on  # noqa: SLF001 - see above
        await call(watching, scope, receive, send)
        if len(answered) == before:
            answered.append(True)

    monkeypatch.setattr(FastPath, "__call__", watched)
    return answered


def assert_equal(
    cached: Any,  # noqa: ANN401 - a response
    expected: Any,  # noqa: ANN401 - a response
    request: object,
    *,
    ignored: Collection[str] = (),
) -> None:
    """Assert that two responses to one request have the same status, headers and content.

    The ids of the two requests differ, and the compressed bytes may. ``ignored`` names further
    headers, in small letters.
    """
    assert cached.status_code == expected.status_code, request
    contents = [comparable_content(answer) for answer in (cached, expected)]
    if contents[0] != contents[1]:
        # pytest would compare long texts for minutes.
        same = zip(*contents, strict=False)
        at = next((at for at, (one, other) in enumerate(same) if one != other), 0)
        shown = [content[max(0, at - SHOWN_BYTES) : at + SHOWN_BYTES] for content in contents]
        pytest.fail(f"{request}: at {at} the fast path has {shown[0]!r}, the rows {shown[1]!r}")
    headers = [comparable_headers(answer, ignored) for answer in (cached, expected)]
    assert headers[0] == headers[1], request


def comparable_headers(answer: Any, ignored: Collection[str]) -> dict[str, str]:  # noqa: ANN401 - a response
    headers = {name: value for name, value in answer.headers.items() if name not in ignored}
    del headers["x-request-id"]
    if "content-encoding" in headers:
        headers.pop("content-length", None)
    return headers


def comparable_content(answer: Any) -> bytes:  # noqa: ANN401 - a response
    content: bytes = answer.content
    if answer.status_code >= 400 and content:
        trace_id = json.loads(content)["trace_id"]
        assert answer.headers["x-request-id"] == trace_id
        return content.replace(trace_id.encode(), b"")
    return content


def assert_one_state(answer: Any) -> None:  # noqa: ANN401 - a response
    """Assert that the parts of an answer fit together, whichever state of the database it shows."""
    if answer.status_code != 200 or not answer.content:
        return
    told = answer.json()
    shown = told["snapshots"]
    balances = [Decimal(row["balance"]) for row in shown]
    assert told["total_count"] == len({row["id"] for row in shown}) == len(shown)
    if "total_balance_by_currency" in told:
        totals: dict[str, Decimal] = {}
        for row, balance in zip(shown, balances, strict=True):
            totals[row["currency"]] = totals.get(row["currency"], Decimal(0)) + balance
        told_totals = told["total_balance_by_currency"]
        assert {code: Decimal(total) for code, total in told_totals.items()} == totals
        return
    if str(answer.url.path).endswith("/balance-snapshots"):
        # These are newest first.
        shown, balances = shown[::-1], balances[::-1]
    for (earlier, later), row in zip(pairwise(balances), shown[1:], strict=True):
        assert Decimal(row["change_amount"]) == later - earlier
