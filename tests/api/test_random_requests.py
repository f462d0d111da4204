"""Random dates, queries, headers and bodies; the answers are held against the contract."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.problem_assertions import assert_problem
from api.raw_requests import ask, assert_names
from api.test_ownership import BODIES, belongings, kind_of, name_of
from application import App, Person
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Route
from proofs import Proof


@pytest.fixture
def account_id(ada: Person) -> str:
    made = ada.account("1", captured_at="2025-02-01T00:00:00Z")
    ada.type(made, "2", "2025-03-01T10:00:00Z")
    return made


# Texts near to dates: dates that may be none, with offsets that may be none.
numbers = st.integers(0, 99).map("{:02}".format) | st.sampled_from(["0", "00", "60", "24", "29"])
years = st.sampled_from(["0000", "0001", "1969", "1970", "2024", "2025", "9999", "10000", "25"])
dates = st.builds("{}-{}-{}".format, years, numbers, numbers)
times = st.builds("{}{}:{}:{}{}".format, st.sampled_from("Tt _"), numbers, numbers, numbers,
                  st.sampled_from(["", ".5", ".999999999", ",5", "."]))  # fmt: skip
offsets = st.sampled_from(["", "Z", "z", "+00:00", " 01:00", "-23:59", "+24:00", "-0100", "EST"])
# From the first and the last instants there are, an offset leads beyond them.
ends_of_time = st.builds(
    "{}{}".format, st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59"]), offsets
)
near_instants = dates | st.builds("{}{}{}".format, dates, times, offsets) | ends_of_time
texts = st.text(max_size=40) | near_instants | st.integers().map(str) | st.floats().map(str)
plain = st.text(st.characters(codec="utf-8"), max_size=40)
instants = near_instants | plain | st.integers().map(str) | st.datetimes().map(datetime.isoformat)
names = st.sampled_from(["start_date", "end_date", "source", "limit", "include", "cursor", "x"])
raw = st.binary(max_size=12).map(quote)
sources = st.sampled_from(["manual_sync", "initial_connection", "", "x", "0"])
values = instants.map(quote) | raw | sources | st.integers(-2, 200).map(str)


def expected_instant(text: str, *, is_end: bool) -> datetime | None:
    """The instant that the contract gives the text, read by other code than the application's."""
    text = text.replace("t", "T").replace("z", "Z")
    day, has_time, rest = text.partition("T")
    if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}", day):
        return None
    found = re.fullmatch(
        r"([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|[-+ ][0-9]{2}:[0-9]{2})?", rest
    )
    try:
        if not has_time:
            date = datetime.strptime(day + "+0000", "%Y-%m-%d%z")
            return date + timedelta(days=1, microseconds=-1) if is_end else date
        if found is None:
            return None
        clock, fraction, offset = found.groups()
        zone = {None: "+0000", "Z": "+0000"}.get(offset) or offset.replace(" ", "+")
        read = datetime.strptime(f"{day}T{clock}{zone}", "%Y-%m-%dT%H:%M:%S%z")
        micros = int(((fraction or ".") + "000000")[1:7])
        return read.astimezone(UTC) + timedelta(microseconds=micros)
    except (ValueError, OverflowError):
        if (has_time, is_end, day) == ("", True, "9999-12-31"):
            return datetime.max.replace(tzinfo=UTC)
        return None


@pytest.mark.proves(16)
def test_no_pair_of_dates_makes_another_answer_than_the_contracts(
    ada: Person, account_id: str, proof: Proof
) -> None:
    path = f"/accounts/{account_id}/balance-history"

    @settings(max_examples=proof(6_000), suppress_health_check=[*HealthCheck])
    @given(instants, instants)
    def check(start: str, end: str) -> None:
        answer = ask(ada, path, f"start_date={quote(start)}&end_date={quote(end)}")
        first = expected_instant(start, is_end=False)
        last = expected_instant(end, is_end=True)
        if first is None or last is None:
            wrong = {"start_date": first, "end_date": last}
            assert_names(answer, 400, *(name for name, at in wrong.items() if at is None))
        elif first >= last:
            assert_problem(answer, 400, "invalid_date_range")
        else:
            assert answer.status_code == 200
        proof.record(inputs=1)

    check()


@pytest.mark.proves(16)
def test_no_query_and_no_id_makes_anything_but_200_400_or_404(
    ada: Person, account_id: str, proof: Proof
) -> None:
    ids = st.sampled_from([account_id, str(ada.id), "x"]) | plain.map(lambda t: quote(t, safe=""))
    queries = st.lists(st.builds("{}={}".format, names, values), max_size=5).map("&".join)
    ends = st.sampled_from(["balance-history", "balance-snapshots", "", "holdings"])

    @settings(max_examples=proof(6_000), suppress_health_check=[*HealthCheck])
    @given(ids, ends, queries)
    def check(number: str, end: str, query: str) -> None:
        path = f"/accounts/{number}/{end}" if end else "/balance-snapshots"
        answer = ada.get(f"{path}?{query}")
        if answer.status_code != 200:
            assert answer.status_code in {400, 404}
            assert_problem(answer, answer.status_code, limited=answer.status_code == 400)
        proof.record(inputs=1)

    check()


HEADERS = [
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization",
    "Content-Type", "Cookie", "Forwarded", "Host", "Idempotency-Key", "If-Match",
    "If-Modified-Since", "If-None-Match", "Origin", "Prefer", "Range", "X-Forwarded-For",
    "X-Request-Id",
]  # fmt: skip
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60) | (
    st.sampled_from([
        "*", "*/*;q=0.000", "application/json", "application/xml;q=1.5", "gzip;q=nan", "br, gzip",
        '"x"', 'W/"x"', "respond-async", "wait=99999999999", "bytes=0-", "127.0.0.1",
        "Bearer x", "Basic eDp4", "multipart/form-data", "application/json; charset=utf-7",
    ])
)  # fmt: skip
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | instants
    | st.sampled_from(["1E400", "NaN", "-0", "USD", "XXX", "1" * 500, "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)
damage = st.lists(st.tuples(st.integers(0, 8), json_values), min_size=1, max_size=3)


def damaged(body: dict[str, Any], changes: list[tuple[int, Any]]) -> Any:  # noqa: ANN401 - JSON
    """Replace members of the body; a number beyond its members replaces all of it."""
    names = [*body, "captured_at", "x"]
    for number, value in changes:
        if number >= len(names):
            return value
        body = body | {names[number]: value}
    return body


@pytest.mark.proves(16)
def test_no_header_and_no_body_makes_an_internal_error(app: App, ada: Person, proof: Proof) -> None:
    own = belongings(app, "bob")
    routes = [route for route in ROUTES if "json" in BODIES.get(name_of(route), {})]

    @settings(max_examples=proof(8_000), suppress_health_check=[*HealthCheck])
    @given(
        st.sampled_from(routes),
        damage,
        st.none()
        | st.none()
        | st.binary(max_size=40)
        | st.sampled_from([b"[" * 99_999, b'"\xff"']),
        st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=4),
    )
    def check(route: Route, changes: list[Any], raw: bytes | None, headers: dict[str, str]) -> None:
        body = json.dumps(damaged(BODIES[name_of(route)]["json"], changes)).encode()
        given = {"Content-Type": "application/json"} | headers
        number = own.ids.get(kind_of(route), str(ada.id))
        path = route.path.format(id=number, snapshot_id=ada.id)
        answer = own.person.request(
            route.method,
            path,
            content=body if raw is None else raw,
            headers={name: value.encode("latin-1") for name, value in given.items()},
        )
        assert answer.status_code < 500 or answer.status_code == 502, answer.text
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
        proof.record(inputs=1)

    check()
