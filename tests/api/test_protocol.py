"""HTTP itself: methods, media types, bodies that are none, conditional requests."""

import json
import time

import pytest

from api.problem_assertions import assert_limit_headers, assert_problem
from application import App, Applications, Person
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES

HISTORY = "/balance-history?start_date=2025-01-01&end_date=2025-12-31"
JSON = {"Content-Type": "application/json"}
NEW: dict[str, object] = {
    "name": "Giro",
    "account_type": "checking",
    "currency": "EUR",
    "balance": "1",
}


def paths_of_snapshots(account_id: str) -> list[str]:
    account = f"/accounts/{account_id}"
    return ["/balance-snapshots", account + HISTORY, f"{account}/balance-snapshots"]


def test_an_answer_that_is_known_already_is_304(ada: Person) -> None:
    account_id = ada.account("5")
    for path in paths_of_snapshots(account_id):
        first = ada.get(path)
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        assert tag.endswith('"')
        assert ada.get(path).headers["ETag"] == tag
        for known in (tag, f'"x", {tag}', f"W/{tag}", "*", f'"a",{tag},"b"'):
            answer = ada.get(path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b""), known
            assert answer.headers["ETag"] == tag
            assert "Content-Type" not in answer.headers
            assert_limit_headers(answer)
        for other in ('"x"', tag.strip('"'), "", "W/x", tag[:-2] + '"'):
            assert ada.get(path, headers={"If-None-Match": other}).status_code == 200, other
        ada.type(account_id, "6", "2025-02-01")
        assert ada.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_other_answers_carry_no_etag(ada: Person) -> None:
    assert "ETag" not in ada.get("/accounts", headers={"If-None-Match": "*"}).headers


def test_head_is_get_without_a_body(ada: Person) -> None:
    for path in [*paths_of_snapshots(ada.account("5")), "/accounts", "/users/me"]:
        got, headed = ada.get(path), ada.request("HEAD", path)
        assert headed.status_code == 200
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
            assert headed.headers.get(name) == got.headers.get(name), name
    assert ada.request("HEAD", f"/accounts/{ada.id}").status_code == 404


def test_everything_for_someone_signed_in_is_stored_nowhere_and_sniffed_by_nobody(
    ada: Person,
) -> None:
    for path in [*paths_of_snapshots(ada.account()), "/accounts", "/export", "/sessions"]:
        answer = ada.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert_limit_headers(answer)


def test_options_tells_the_methods_of_every_path_and_needs_no_token(app: App) -> None:
    methods: dict[str, set[str]] = {}
    for route in ROUTES:
        methods.setdefault(route.path, {"OPTIONS"}).add(route.method)
    for path, expected in methods.items():
        answer = app.client.options("/api/v1" + path.replace("{id}", "x"))
        found = set(answer.headers["Allow"].split(", "))
        if path == "/sessions/{id}":
            assert found == {"DELETE", "OPTIONS"}
        assert found == expected | ({"HEAD"} if "GET" in expected else set())
        assert (answer.status_code, answer.content) == (204, b"")
        assert "X-RateLimit-Limit" not in answer.headers


def test_any_other_method_is_405_with_those_there_are(app: App, subtests: pytest.Subtests) -> None:
    for method in [
        "PUT", "TRACE", "PROPFIND", "BREW"
    ]:  # fmt: skip
        with subtests.test(method=method):
            for route in ROUTES:
                path = "/api/v1" + route.path.replace("{id}", "x")
                answer = app.client.request(method, path)
                problem = assert_problem(answer, 405, "method_not_allowed", limited=False)
                assert answer.headers["Allow"] in problem["detail"]
                assert "OPTIONS" in answer.headers["Allow"]


def test_an_unknown_path_is_not_found(ada: Person, subtests: pytest.Subtests) -> None:
    for path in [
        "/api/v1", "/api/v1/", "/apis", "/api/v2/accounts", "/api/v1/accounts/",
        "/api/v1//accounts",
        "/api/v1/Accounts", "/api/v1/accounts/x/y/z", "/api/v1/balance-snapshots/", "/nowhere.php",
        "/api/v1/%61ccounts/x/y", "/api/v1/accounts/a%2Fb",
        "/api/v1/accounts//balance-history", "/api/v1/balance-snapshots%00", "/api/v1/%F0%9F%92%A9"
    ]:  # fmt: skip
        with subtests.test(path=path):
            headers = {"Authorization": f"Bearer {ada.token}"}
            answer = ada.client.get(path, headers=headers)
            assert_problem(answer, 404, "not_found", limited=False)


def test_a_media_type_that_no_answer_has_is_406(ada: Person, subtests: pytest.Subtests) -> None:
    for accept, status in [
        ("application/json", 200), ("*/*", 200), ("application/*", 200), ("", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200), ("application/problem+json", 200),
        ("APPLICATION/JSON;q=0.1", 200), ("text/html", 406), ("application/json;q=0", 406),
        ("image/*, text/plain;q=0.5", 406), ("application/json; q=0.000", 406), (",;,", 406),
        ("application/xml", 406), ("json", 406), ("*/*;q=0", 406)
    ]:  # fmt: skip
        with subtests.test(accept=accept, status=status):
            for path in paths_of_snapshots(ada.account()):
                answer = ada.get(path, headers={"Accept": accept})
                if status == 406:
                    assert_problem(answer, 406, "not_acceptable")
                else:
                    assert answer.status_code == 200


def test_a_body_of_another_media_type_is_415(ada: Person, subtests: pytest.Subtests) -> None:
    for media_type in [
        "text/plain", "application/xml", "", "application/jsonx", "multipart/form-data"
    ]:  # fmt: skip
        with subtests.test(media_type=media_type):
            headers = {"Content-Type": media_type}
            for method, path in [("POST", "/accounts"), ("PATCH", f"/accounts/{ada.account()}")]:
                answer = ada.request(method, path, content=json.dumps(NEW), headers=headers)
                assert_problem(answer, 415, "unsupported_media_type")


def test_a_patch_is_a_merge_patch_by_either_name(ada: Person, subtests: pytest.Subtests) -> None:
    told = "application/json, application/merge-patch+json"
    for route in (route for route in ROUTES if route.method == "PATCH"):
        with subtests.test(path=route.path):
            path = route.path.replace("{id}", ada.account())
            for media_type, status in [
                ("application/merge-patch+json; charset=utf-8", 422), ("application/json", 422),
                ("application/json-patch+json", 415), ("text/plain", 415), ("", 415),
            ]:  # fmt: skip
                headers = {"Content-Type": media_type}
                answer = ada.patch(path, content=b'{"nothing": 1}', headers=headers)
                if status == 415:
                    problem = assert_problem(answer, 415, "unsupported_media_type")
                    assert "application/json or application/merge-patch+json" in problem["detail"]
                else:
                    # Connections have other ids, and are looked for before the body is read.
                    assert answer.status_code in {404, 422}
                assert answer.headers.get("Accept-Patch") == (told if status == 415 else None)
            assert ada.client.options(f"/api/v1{path}").headers["Accept-Patch"] == told
    path = f"/accounts/{ada.account()}"
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = ada.patch(path, content=b'{"name": "Merged"}', headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Merged")
    answer = ada.post("/accounts", content=b"{}", headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")
    assert "Accept-Patch" not in answer.headers


def test_an_import_that_is_no_form_is_415(ada: Person) -> None:
    for content, media_type in [(b"{}", "application/json"), (b"Date,Balance", "text/csv")]:
        headers = {"Content-Type": media_type}
        answer = ada.post("/imports", content=content, headers=headers)
        assert_problem(answer, 415, "unsupported_media_type")


def test_a_body_that_is_no_json_is_400_and_one_that_breaks_a_rule_422(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for content, status in [
        (b"", 400), (b"{", 400), (b"nul", 400), (b'{"name":}', 400), (b"\xff\xfe", 400),
        (b"[" * 100_000, 400), (b"[" * 100_000 + b"]" * 100_000, 400), (b'{"a":' * 100_000, 400),
        (b'{"name": "\\ud800"}', 400), (b'{"name": "\xed\xa0\x80"}', 400), (b"{} {}", 400),
        (b'{"balance": NaN}', 400), (b'{"balance": Infinity}', 400), (b"{'name': 1}", 400),
        (b"\xef\xbb\xbf{}", 400), (b'{"name": "a\nb"}', 400), (b"null", 422), (b"[]", 422),
        (b'"x"', 422), (b"1", 422), (b"{}", 422), (b"true", 422), (b'{"name": "\\u0000"}', 422),
        (b'{"balance": ' + b"9" * 100_000 + b"}", None), (b'{"balance": 1e999999}', None),
        (b'{"balance": ' + b"9" * 4000 + b"}", None), (b"-" + b"9" * 5000, None),
        (b'{"balance": 0.' + b"9" * 100_000 + b"}", None), (b"1" + b"0" * 308 + b".0", None)
    ]:  # fmt: skip
        with subtests.test(content=content, status=status):
            account = f"/accounts/{ada.account()}"
            for method, path in [
                ("POST", "/accounts"),
                ("PATCH", account),
                ("POST", "/access-tokens"),
                ("POST", f"{account}/balance-snapshots"),
                ("PATCH", "/users/me"),
                ("POST", "/users"),
                ("POST", "/sessions"),
                ("POST", "/tokens"),
            ]:
                answer = ada.request(method, path, content=content, headers=JSON)
                if (method, content) == ("PATCH", b"{}"):
                    assert answer.status_code == 200
                elif content == b"{}" and path == "/tokens":
                    assert_problem(answer, 401)
                elif status is None:
                    assert_problem(answer, 400 if answer.status_code == 400 else 422)
                else:
                    assert_problem(answer, status)


def test_an_account_that_breaks_a_rule_is_422_and_not_made(
    ada: Person, subtests: pytest.Subtests
) -> None:
    broken: list[dict[str, object]] = [
        {"name": "a\0b"}, {"name": ""}, {"name": "x" * 201}, {"name": None}, {"name": ["x"]},
        {"currency": "usd"}, {"currency": "XXX"}, {"currency": "ZZZ"}, {"currency": "US"},
        {"currency": "€€€"}, {"account_type": "wallet"}, {"extra": 1}, {"id": "x"},
        {"captured_at": 1735689600}, {"captured_at": "2025-W01-1"}, {"captured_at": "yesterday"},
        {"captured_at": "2025-02-30"}, {"captured_at": "0000-01-01"}, {"captured_at": "2" * 99},
        {"name": "tab\there"}, {"name": "\x7f"}, {"balance": None}, {"balance": 1}
    ]  # fmt: skip
    for changed in broken:
        with subtests.test(changed=changed):
            answer = ada.post("/accounts", json=NEW | changed)
            problem = assert_problem(answer, 422, "unprocessable")
            assert problem["errors"]
            assert ada.get("/accounts").json()["total_count"] == 0


def test_of_a_field_given_twice_one_counts(ada: Person) -> None:
    content = json.dumps(NEW)[:-1] + ', "name": "Second"}'
    answer = ada.post("/accounts", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["name"]) == (201, "Second")


def test_a_body_over_its_limit_is_413(ada: Person) -> None:
    content = json.dumps(NEW | {"name": "x" * 1024 * 1024})
    answer = ada.post("/accounts", content=content, headers=JSON)
    assert_problem(answer, 413, "payload_too_large")
    answer = ada.post("/imports", files={"file": ("b.csv", b"x" * 11 * 1024 * 1024)})
    assert_problem(answer, 413, "payload_too_large")
    ten = b"Date,Balance,Account\n" + b"\n" * (9 * 1024 * 1024)
    answer = ada.post("/imports", files={"file": ("b.csv", ten)})
    assert_problem(answer, 422, "unprocessable")


def test_a_form_that_cannot_be_used_is_refused(ada: Person, subtests: pytest.Subtests) -> None:
    for content, media_type, status in [
        (b"", "multipart/form-data", 400), (b"", "multipart/form-data; boundary=b", 422),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b"garbage", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", 400),
        (b"--b\r\n\r\n", "multipart/form-data; boundary=" + "b" * 5000, 400),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
        "multipart/form-data; boundary=b", 422),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\xff\r\n--b--\r\n',
        "multipart/form-data; boundary=b; charset=none-such", 422)
    ]:  # fmt: skip
        with subtests.test(content=content, media_type=media_type, status=status):
            answer = ada.post("/imports", content=content, headers={"Content-Type": media_type})
            assert_problem(answer, status)


# Starlette leaves the file of a form that breaks off to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_form_that_breaks_off_is_refused(ada: Person) -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nDate,Balance'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert_problem(ada.post("/imports", content=begun, headers=headers), 422, "unprocessable")


def test_a_field_of_a_form_that_breaks_a_rule_is_422(
    ada: Person, subtests: pytest.Subtests
) -> None:
    for name, text in [
        ("format", "no_such"), ("format", "\0"), ("mapping", "{"), ("mapping", "[" * 60_000),
        ("mapping", "[]"), ("mapping", '{"date": "\\u0000"}'), ("mapping", '{"nothing": 1}'),
        ("mapping", '{"institution": "\\u0000", "currency_code": "EUR\\u0000"}'),
        ("dry_run", "maybe"), ("account_id", "x"), ("connection_id", "1"), ("unknown", "x"),
        ("mapping", '{"date": 999999999999999999999}'), ("mapping", '{"date_format": "%%%Y("}')
    ]:  # fmt: skip
        with subtests.test(name=name, text=text):
            file = b"Date,Balance,Account\n2025-01-01,1,Giro\n"
            answer = ada.post("/imports", files={"file": ("b.csv", file)}, data={name: text})
            assert_problem(answer, 422, "unprocessable")


def test_two_files_or_many_fields_are_refused(ada: Person) -> None:
    file = ("b.csv", b"Date,Balance,Account\n2025-01-01,1,Giro\n")
    answer = ada.post("/imports", files=[("file", file), ("file", file)])
    assert_problem(answer, 400, "validation_failed")
    fields = {f"field{number}": "x" for number in range(30)}
    answer = ada.post("/imports", files={"file": file}, data=fields)
    assert_problem(answer, 400, "validation_failed")


def test_a_files_name_means_nothing(ada: Person, subtests: pytest.Subtests) -> None:
    for name in [
        "../../etc/passwd", "\0", "a" * 5000, "e\u0301.csv", '"; x="', "con", ""
    ]:  # fmt: skip
        with subtests.test(name=name):
            file = b"Date,Balance,Account\n2025-01-01,1,Giro\n"
            answer = ada.post("/imports", files={"file": (name, file)})
            assert answer.status_code in {201, 400, 422}
            if answer.status_code != 201:
                assert_problem(answer, answer.status_code)


def test_a_browser_at_an_unknown_address_gets_the_page(ada: Person) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = ada.client.get("/", headers=browser)
    for path in ("/nowhere", "/settings/", "/nowhere/at/all"):
        answer = ada.client.get(path, headers=browser)
        assert (answer.status_code, answer.content) == (404, page.content)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == page.headers["content-security-policy"]
        assert ada.client.head(path, headers=browser).status_code == 404
    for path, accept in (
        ("/nowhere", "*/*"),
        ("/nowhere", "application/json, text/html;q=0"),
        ("/api/v1/nowhere", browser["Accept"]),
    ):
        assert_problem(ada.client.get(path, headers={"Accept": accept}), 404, limited=False)
    assert_problem(ada.client.post("/nowhere", headers=browser), 404, limited=False)


def test_401_comes_before_429_before_400_before_404_before_422(
    applications: Applications,
) -> None:
    app = applications.open(rate_limits={"API_READ": "2/1", "API_WRITE": "2/1"})
    ada = app.person()
    bad = f"/accounts/{ada.id}/balance-snapshots?limit=0"
    assert_problem(app.client.get(f"/api/v1{bad}"), 401, "unauthorized")
    assert_problem(ada.get(bad), 400)
    assert_problem(ada.get(bad.partition("?")[0]), 404)
    assert_problem(ada.get(bad), 429)
    path = f"/accounts/{ada.id}/balance-snapshots"
    assert_problem(ada.post(path, json={}), 404)
    assert_problem(ada.post(path, content=b"{", headers=JSON), 400)
    assert_problem(ada.post(path, content=b"{", headers=JSON), 429)


def test_malformed_credentials_are_401(app: App) -> None:
    ada = app.person()
    for credentials in [
        "",
        "Bearer",
        "Bearer ",
        "bearer x",
        f"Basic {ada.token}",
        ada.token,
        f"Bearer {ada.token}x",
        f"Bearer {ada.token} {ada.token}",
        "Bearer " + "a" * 10_000,
        "Bearer dta_" + "A" * 43,
        "Bearer dta_\xe9",
        "Bearer ..",
        "Bearer e30.e30.e30",
    ]:
        headers = [(b"Authorization", credentials.encode("latin-1"))]
        answer = app.client.get("/api/v1/balance-snapshots", headers=headers)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_read_without_case(ada: Person) -> None:
    headers = {"Authorization": f"bEaReR {ada.token}"}
    assert ada.client.get("/api/v1/accounts", headers=headers).status_code == 200


def test_a_hundred_thousand_brackets_take_no_time(ada: Person) -> None:
    started = time.monotonic()
    ada.post("/accounts", content=b"[" * 1_000_000, headers=JSON)
    assert time.monotonic() - started < 5
