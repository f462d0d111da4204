"""Malformed requests to the three snapshot endpoints, and the exact answer to each."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from api.problem_assertions import assert_problem
from api.raw_requests import ask, assert_names
from application import Person

YEAR = "start_date=2025-01-01&end_date=2025-12-31"

# Texts that are instants, in both parameters at once, each with its instant.
READ = {
    "2025-03-01T10:00:00Z": "2025-03-01T10:00:00",
    "2025-03-01t10:00:00z": "2025-03-01T10:00:00",
    "2025-03-01T10:00:00": "2025-03-01T10:00:00",
    "2025-03-01T10:00:00%2B01:00": "2025-03-01T09:00:00",
    "2025-03-01T10:00:00+01:00": "2025-03-01T09:00:00",
    "2025-03-01T10:00:00%2001:00": "2025-03-01T09:00:00",
    "2025-03-01T10:00:00-05:30": "2025-03-01T15:30:00",
    "2025-03-01T10:00:00-00:00": "2025-03-01T10:00:00",
    "2025-03-01T10:00:00.5Z": "2025-03-01T10:00:00.500000",
    "2025-03-01T10:00:00.123456789Z": "2025-03-01T10:00:00.123456",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00",
    "2025-03-01T23:59:59%2B23:59": "2025-03-01T00:00:59",
}

NO_INSTANTS = [
    "",
    "1735689600",
    "1735689600000",
    "-1",
    "2025-W09-6",
    "2025-W09",
    "20250301",
    "20250301T100000Z",
    "2025-060",
    "2025-3-1",
    "2025-03",
    "2025",
    "25-03-01",
    "2025/03/01",
    "01.03.2025",
    "2025-02-30",
    "2025-02-29T00:00:00Z",
    "2025-13-01",
    "2025-00-10",
    "2025-01-00",
    "2025-01-32",
    "0000-01-01",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00%2B01:00",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01",
    "-2025-03-01",
    "%2B2025-03-01",
    "2025-03-01T24:00:00Z",
    "2025-03-01T25:00:00Z",
    "2025-03-01T10:60:00Z",
    "2016-12-31T23:59:60Z",
    "2025-03-01T10:00:61Z",
    "2025-03-01T10:00Z",
    "2025-03-01T10:00",
    "2025-03-01T10Z",
    "2025-03-01%2010:00:00",
    "2025-03-01%2010:00:00Z",
    "2025-03-01T10:00:00,5Z",
    "2025-03-01T10:00:00.Z",
    "2025-03-01T10:00:00.1234567890Z",
    "2025-03-01T10:00:00%2B1:00",
    "2025-03-01T10:00:00%2B0100",
    "2025-03-01T10:00:00%2B01",
    "2025-03-01T10:00:00%2B24:00",
    "2025-03-01T10:00:00%2B99:99",
    "2025-03-01T10:00:00%2B01:60",
    "2025-03-01T10:00:00%2B01:00:00",
    "2025-03-01T10:00:00EST",
    "2025-03-01T10:00:00[Europe/Berlin]",
    "2025-03-01T10:00:00Z[UTC]",
    "2025-03-01T10:00:00ZZ",
    "2025-03-01Z",
    "2025-03-01+01:00",
    "2025-03-01T",
    "T10:00:00Z",
    "now",
    "today",
    "yesterday",
    "NaN",
    "Infinity",
    "null",
    "None",
    "true",
    "[]",
    "%20",
    "%202025-03-01",
    "2025-03-01%20",
    "2025-03-01%0A",
    "2025-03-01%00",
    "%00",
    "%EF%BC%92025-03-01",
    "2025-03-01T10:00:0%D9%A1Z",
    "%F0%9F%95%92",
    "2025%E2%80%9003%E2%80%9001",
    "';DROP%20TABLE%20accounts;--",
    "1%20OR%201=1",
    "$%7Bjndi:ldap://x%7D",
    "../../etc/passwd",
    "%3Cscript%3E",
    "9" * 10_000,
    "2025-03-01T10:00:00." + "9" * 10_000 + "Z",
    "%25",
]

NO_IDS = [
    "x",
    "1",
    "0",
    "-1",
    "null",
    "undefined",
    "123e4567e89b12d3a456426614174000",
    "{123e4567-e89b-12d3-a456-426614174000}",
    "urn:uuid:123e4567-e89b-12d3-a456-426614174000",
    "123e4567-e89b-12d3-a456-42661417400",
    "123e4567-e89b-12d3-a456-4266141740000",
    "123e4567-e89b-12d3-a456-42661417400g",
    "123e4567-e89b-12d3-a456-42661417400%00",
    "123e4567-e89b-12d3-a456-426614174000%0A",
    "%20123e4567-e89b-12d3-a456-426614174000",
    "123e4567-e89b-12d3-a456-426614174000'",
    "%EF%BC%91" * 36,
    "%D9%A1%D9%A1",
    "%FF%FE",
    "%00",
    "*",
    "{id}",
    "%7Bid%7D",
    "a" * 10_000,
    "1e10",
    "true",
    "'%20OR%20'1'='1",
]


@pytest.fixture
def account_id(ada: Person) -> str:
    made = ada.account("1", captured_at="2025-02-01T00:00:00Z")
    ada.type(made, "2", "2025-03-01T10:00:00Z")
    return made


def test_a_malformed_instant_is_400_that_names_it_and_shows_one(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for text in NO_INSTANTS:
        with subtests.test(text=text):
            path = f"/accounts/{account_id}/balance-history"
            for name, query in {
                "start_date": f"start_date={text}&end_date=2025-12-31",
                "end_date": f"start_date=2025-01-01&end_date={text}",
            }.items():
                answer = ask(ada, path, query)
                assert_names(answer, 400, name)
                assert "2025-01-31T10:00:00Z" in answer.json()["detail"]
            if len(text) < 5000:
                both = ask(ada, path, f"start_date={text}&end_date={text}")
                assert_names(both, 400, "start_date", "end_date")


def test_an_instant_is_read_as_it_is_meant_and_is_included(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for text, meant in READ.items():
        with subtests.test(text=text, meant=meant):
            at = datetime.fromisoformat(meant).replace(tzinfo=UTC)
            account_id = ada.account("1", captured_at=at.isoformat())
            path = f"/accounts/{account_id}/balance-history"
            earlier, later = (
                quote((at + timedelta(microseconds=shift)).isoformat()) for shift in (-1, 1)
            )
            for query, count in {
                f"start_date={text}&end_date=2025-12-31": 1,
                f"start_date=2024-01-01&end_date={text}": 1,
                f"start_date={later}&end_date=2025-12-31": 0,
                f"start_date=2024-01-01&end_date={earlier}": 0,
            }.items():
                answer = ask(ada, path, query)
                assert (answer.status_code, answer.json()["total_count"]) == (200, count), query


def test_a_bare_date_is_its_first_and_its_last_instant(ada: Person) -> None:
    account_id = ada.account("1", captured_at="2025-03-01T00:00:00Z")
    ada.type(account_id, "2", "2025-03-01T23:59:59.999999Z")
    ada.type(account_id, "3", "2025-03-02T00:00:00Z")
    answer = ask(
        ada, f"/accounts/{account_id}/balance-history", "start_date=2025-03-01&end_date=2025-03-01"
    )
    rows = answer.json()["snapshots"]
    assert [row["balance"] for row in rows] == ["1.00", "2.00"]
    assert rows[1]["captured_at"] == "2025-03-01T23:59:59.999999Z"


def test_a_range_that_does_not_run_forward_is_its_own_400(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for query in [
        "start_date=2025-12-31&end_date=2025-01-01",
        "start_date=2025-03-01T10:00:00Z&end_date=2025-03-01T10:00:00Z",
        "start_date=2025-03-01T10:00:00Z&end_date=2025-03-01T11:00:00%2B01:00",
        "start_date=2025-03-01T10:00:00Z&end_date=2025-03-01T10:00:00+00:00",
        "start_date=2025-03-01T10:00:00&end_date=2025-03-01T10:00:00Z",
        "start_date=2025-03-02&end_date=2025-03-01",
        "start_date=9999-12-31T23:59:59Z&end_date=0001-01-01",
        "start_date=2025-03-01T10:00:00.0000009Z&end_date=2025-03-01T10:00:00.0000001Z"
    ]:  # fmt: skip
        with subtests.test(query=query):
            answer = ask(ada, f"/accounts/{account_id}/balance-history", query)
            assert_problem(answer, 400, "invalid_date_range")


def test_the_first_and_last_instants_and_unknown_parameters_are_taken(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for query in [
        "start_date=0001-01-01&end_date=9999-12-31",
        "start_date=0001-01-01T00:00:00Z&end_date=9999-12-31T23:59:59.999999Z",
        "start_date=0001-01-01T00:00:00-23:59&end_date=9999-12-31T23:59:59%2B23:59",
        "start_date=0001-01-01T01:00:00%2B01:00&end_date=9999-12-31T22:59:59-01:00",
        YEAR + "&unknown=1", YEAR + "&limit=0", YEAR + "&&;=&=x&%00=1", YEAR + "&x=" + "y" * 10_000,
        YEAR + "&START_DATE=nonsense", YEAR + "&start_date[]=1", YEAR + "#frag", YEAR + "&x&x&x"
    ]:  # fmt: skip
        with subtests.test(query=query):
            answer = ask(ada, f"/accounts/{account_id}/balance-history", query)
            assert (answer.status_code, answer.json()["total_count"]) == (200, 2)


def test_a_parameter_that_is_missing_wrong_or_twice_is_named(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for query, names in [
        ("", ["start_date", "end_date"]), ("start_date=2025-01-01", ["end_date"]),
        ("end_date=2025-01-01", ["start_date"]),
        ("start_date&end_date", ["start_date", "end_date"]),
        (YEAR + "&start_date=2025-01-01", ["start_date"]), (YEAR + "&end_date=", ["end_date"]),
        (YEAR + "&source=manual_sync&source=manual_sync", ["source"]),
        (YEAR + "&source=", ["source"]), (YEAR + "&source=Manual_Sync", ["source"]),
        (YEAR + "&source=manual_sync,account_sync", ["source"]), (YEAR + "&source=%00", ["source"]),
        (YEAR + "&source=1", ["source"]), (YEAR + "&source=" + "x" * 10_000, ["source"]),
        (YEAR + "&source=manual%5Fsync%20", ["source"]), (YEAR + "&source=MANUAL_SYNC", ["source"]),
        ("start_date=x&end_date=y&source=z", ["start_date", "end_date", "source"])
    ]:  # fmt: skip
        with subtests.test(query=query, names=names):
            answer = ask(ada, f"/accounts/{account_id}/balance-history", query)
            assert_names(answer, 400, *names)
            if names == ["source"] and query.count("source") == 1:
                assert "initial_connection" in answer.json()["detail"]


def test_a_query_that_is_not_utf_8_is_400(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for query in [
        "%FF", "start_date=%FF", "x=%C3%28", "%ED%A0%80=1", "source=%F5%80%80%80", "limit=%80"
    ]:  # fmt: skip
        with subtests.test(query=query):
            for path in ("/balance-snapshots", f"/accounts/{account_id}/balance-history",
                         f"/accounts/{account_id}/balance-snapshots"):  # fmt: skip
                assert_problem(ask(ada, path, query), 400, "validation_failed")


def test_a_limit_given_twice_is_refused(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for query in [
        "limit=1&limit=1", "limit=1&limit=2", "limit=&limit=1"
    ]:  # fmt: skip
        with subtests.test(query=query):
            assert_names(ask(ada, f"/accounts/{account_id}/balance-snapshots", query), 400, "limit")


def test_an_id_that_is_no_uuid_is_400(ada: Person, subtests: pytest.Subtests) -> None:
    for text in NO_IDS:
        with subtests.test(text=text):
            for path in (
                f"/accounts/{text}/balance-history?{YEAR}",
                f"/accounts/{text}/balance-snapshots",
            ):
                assert_names(ask(ada, path), 400, "id")


def test_an_id_is_read_in_any_case(ada: Person, account_id: str) -> None:
    answer = ask(ada, f"/accounts/{account_id.upper()}/balance-snapshots")
    assert answer.json()["snapshots"][0]["account_id"] == account_id


def test_the_edges_of_ids_are_nobodys(ada: Person, subtests: pytest.Subtests) -> None:
    for text in [
        "00000000-0000-0000-0000-000000000000", "f" * 8 + "-ffff" * 3
                                  + "-" + "f" * 12
    ]:  # fmt: skip
        with subtests.test(text=text):
            assert_problem(ask(ada, f"/accounts/{text}/balance-snapshots"), 404, "not_found")


def test_an_address_over_16_kib_is_400(ada: Person, account_id: str) -> None:
    answer = ada.get(f"/accounts/{account_id}/balance-history?{YEAR}&x=" + "y" * 17_000)
    assert_problem(answer, 400, "validation_failed", limited=False)
    assert "16 KiB" in answer.json()["detail"]


def test_headers_that_mean_nothing_do_no_harm(
    ada: Person, account_id: str, subtests: pytest.Subtests
) -> None:
    for name, value in [
        ("If-None-Match", "\xff"), ("If-None-Match", "," * 5000), ("Accept", "\xff;q=\xfe"),
        ("Accept", ";" * 5000), ("Idempotency-Key", "\xff"), ("X-Forwarded-For", "x" * 5000),
        ("X-Request-Id", "mine"), ("Cookie", "=" * 5000), ("Range", "bytes=0-1"), ("Host", "evil"),
        ("Accept-Encoding", "gzip;q=x"), ("Content-Type", "\xff"), ("Expect", "nothing"),
        ("If-Modified-Since", "x"), ("Transfer-Encoding", "gzip"), ("User-Agent", "\xff" * 500)
    ]:  # fmt: skip
        with subtests.test(name=name, value=value):
            headers = {name: value.encode("latin-1")}
            answer = ada.get(f"/accounts/{account_id}/balance-snapshots", headers=headers)
            if answer.status_code == 200:
                assert answer.json()["total_count"] == 2
            else:
                assert_problem(answer, 406, "not_acceptable")
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_a_body_where_none_is_wanted_is_not_looked_at(ada: Person, account_id: str) -> None:
    path = f"/accounts/{account_id}/balance-snapshots"
    answer = ada.request("GET", path, content=b"[" * 1000)
    assert (answer.status_code, answer.json()["total_count"]) == (200, 2)
