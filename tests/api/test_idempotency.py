"""A request that is sent again, at once or later, is done once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Barrier, Event
from typing import Any
from uuid import uuid4

import pytest

from api.problem_assertions import assert_problem
from api.snapshot_lists import column
from application import App, Applications, Person
from concurrency import at_once
from dashtam.application.history.verification import verify
from dashtam.application.ports import Services, StatementFiles
from faulty_database import open_faulty
from proofs import Proof

NEW = {"name": "Giro", "account_type": "checking", "currency": "EUR", "balance": "1.00"}
FILE = b"Date,Balance,Account\n" + b"".join(
    b"2025-01-%02d,%d,%s\n" % (day, day, name) for day in range(1, 29) for name in (b"A", b"B")
)
TIMES = 20


def key(text: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": text or uuid4().hex}


def upload(file: bytes = FILE) -> dict[str, tuple[str, bytes]]:
    return {"file": ("balances.csv", file)}


Ask = Callable[[dict[str, str]], Any]


def requests_of(ada: Person) -> dict[str, Ask]:
    account_id = ada.account("1", captured_at="2025-01-01")
    typed = {"balance": "2", "captured_at": "2025-02-01"}
    return {
        "account": lambda headers: ada.post("/accounts", json=NEW, headers=headers),
        "typed": lambda headers: ada.post(
            f"/accounts/{account_id}/balance-snapshots", json=typed, headers=headers
        ),
        "import": lambda headers: ada.post("/imports", files=upload(), headers=headers),
        "dry run": lambda headers: ada.post(
            "/imports", files=upload(), data={"dry_run": "true"}, headers=headers
        ),
    }


def recorded(ada: Person) -> int:
    snapshots: list[Any] = ada.get("/export").json()["balance_snapshots"]
    return len(snapshots)


def all_at_once(times: int, ask: Callable[[], Any]) -> list[Any]:
    """Return the answers to one request sent so many times in the same moment."""
    answers = at_once(times, lambda _: ask())
    assert not [found for found in answers if isinstance(found, Exception)]
    return answers


def assert_sound(app: App) -> None:
    assert verify(app.services.database).findings == []


@pytest.mark.proves(6)
def test_parallel_repeats_are_one_execution_and_the_same_bytes(
    app: App, ada: Person, proof: Proof
) -> None:
    grows = {"account": 1, "typed": 1, "import": 56, "dry run": 0}
    for name, ask in requests_of(ada).items():
        before, headers = recorded(ada), key()
        answers = all_at_once(TIMES, partial(ask, headers))
        late = [ask(headers) for _ in range(3)]
        first = [found for found in answers if found.status_code == 201]
        assert first, name
        for found in answers:
            if found.status_code != 201:
                assert_problem(found, 409, "conflict")
        assert {found.content for found in [*first, *late]} == {first[0].content}, name
        assert {found.headers.get("Location") for found in [*first, *late]} == {
            first[0].headers.get("Location")
        }
        assert {found.status_code for found in late} == {201}
        assert recorded(ada) - before == grows[name], name
        proof.record(repeats=TIMES + 3, executions=1)
    assert_sound(app)


def test_the_same_key_with_another_body_or_path_is_422(ada: Person) -> None:
    headers = key()
    assert ada.post("/accounts", json=NEW, headers=headers).status_code == 201
    other = ada.post("/accounts", json=NEW | {"balance": "2.00"}, headers=headers)
    assert_problem(other, 422, "unprocessable")
    one, two = ada.account(), ada.account()
    typed = {"balance": "2", "captured_at": "2025-02-01"}
    again = key()
    answers = [
        ada.post(f"/accounts/{number}/balance-snapshots", json=typed, headers=again)
        for number in (one, two)
    ]
    assert [answer.status_code for answer in answers] == [201, 422]
    mine = key()
    assert ada.post("/imports", files=upload(), headers=mine).status_code == 201
    assert_problem(ada.post("/imports", files=upload(FILE + b"\n"), headers=mine), 422)
    dry = ada.post("/imports", files=upload(), data={"dry_run": "true"}, headers=mine)
    assert_problem(dry, 422)


def test_a_key_is_its_users_and_its_routes(app: App, ada: Person) -> None:
    bob, headers = app.person("bob@example.com"), key()
    made = {person.post("/accounts", json=NEW, headers=headers).json()["id"] for person in
            (ada, bob)}  # fmt: skip
    assert len(made) == 2
    assert ada.post("/imports", files=upload(), headers=headers).status_code == 201


def test_a_key_has_1_to_255_visible_ascii_characters(ada: Person) -> None:
    for text in ("a", "!" * 255, "~", '"quoted"'):
        assert ada.post("/accounts", json=NEW, headers=key(text)).status_code == 201
    for raw in (b"", b"a b", b"a" * 256, "ü".encode(), b"\xff", b"a\tb"):
        headers = [(b"Authorization", f"Bearer {ada.token}".encode()), (b"Idempotency-Key", raw)]
        answer = ada.client.post("/api/v1/accounts", json=NEW, headers=headers)
        assert_problem(answer, 400, "validation_failed")


def test_an_error_is_kept_like_any_response_and_bad_json_is_not(ada: Person) -> None:
    headers, bad = key(), NEW | {"balance": "x"}
    first = ada.post("/accounts", json=bad, headers=headers)
    assert_problem(first, 422)
    again = ada.post("/accounts", json=bad, headers=headers)
    # The same problem, told as the answer to this request.
    assert_problem(again, 422)
    assert again.json() == first.json() | {"trace_id": again.headers["X-Request-Id"]}
    assert_problem(ada.post("/accounts", json=NEW, headers=headers), 422)
    another = key()
    for _ in range(2):
        broken = ada.post(
            "/accounts", content=b"{", headers=another | {"Content-Type": "application/json"}
        )
        assert_problem(broken, 400)
    assert ada.post("/accounts", json=NEW, headers=another).status_code == 201


def test_a_token_that_was_shown_is_not_shown_again(ada: Person) -> None:
    headers = key()
    made = ada.post("/access-tokens", json={"name": "one"}, headers=headers)
    assert made.status_code == 201
    again = ada.post("/access-tokens", json={"name": "one"}, headers=headers)
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "conflict")
    assert made.json()["token"] not in again.text
    assert ada.get("/access-tokens").json()["total_count"] == 1


class Stalling:
    """Statement files that are read only when the test says so, and then fail if it says so."""

    real: StatementFiles

    def __init__(self) -> None:
        self.reached, self.go_on = Event(), Event()
        self.trouble: Exception | None = None

    def formats(self) -> Any:  # noqa: ANN401 - as the real one
        return self.real.formats()

    def for_many(self) -> Any:  # noqa: ANN401 - as the real one
        return self.real.for_many()

    @contextmanager
    def read(self, *args: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - as the real one
        with self.real.read(*args, **options) as file:
            self.reached.set()
            assert self.go_on.wait(10)
            if self.trouble:
                raise self.trouble
            yield file


@pytest.fixture
def stalling(applications: Applications) -> tuple[App, Stalling]:
    """The application with a reader of files that waits."""
    files = Stalling()

    def stub(real: Services) -> Services:
        files.real = real.statement_files
        return replace(real, statement_files=files)

    return applications.open(stub), files


def test_a_repeat_while_the_first_still_runs_is_409(stalling: tuple[App, Stalling]) -> None:
    app, files = stalling
    ada, headers = app.person(), key()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ada.post, "/imports", files=upload(), headers=headers)
        assert files.reached.wait(10)
        assert_problem(ada.post("/imports", files=upload(), headers=headers), 409, "conflict")
        files.go_on.set()
        assert first.result().status_code == 201
    assert ada.post("/imports", files=upload(), headers=headers).content == first.result().content


def test_a_failure_between_frees_the_key(stalling: tuple[App, Stalling]) -> None:
    app, files = stalling
    ada, headers = app.person(), key()
    files.trouble = RuntimeError("a secret of the inside: 31415926.53")
    files.go_on.set()
    failed = ada.post("/imports", files=upload(), headers=headers)
    assert_problem(failed, 500, "internal_error", limited=False)
    assert "31415926" not in failed.text
    files.trouble = None
    assert ada.post("/imports", files=upload(), headers=headers).status_code == 201


def test_a_request_that_outlives_the_lease_of_its_key_has_done_nothing(
    stalling: tuple[App, Stalling],
) -> None:
    app, files = stalling
    ada, headers = app.person(), key()
    with ThreadPoolExecutor(2) as pool:
        ask = partial(ada.post, "/imports", files=upload(), headers=headers)
        first = pool.submit(ask)
        assert files.reached.wait(10)
        files.reached.clear()
        app.clock.advance(minutes=10)
        second = pool.submit(ask)
        assert files.reached.wait(10)
        files.go_on.set()
        assert_problem(first.result(), 409, "conflict")
        assert second.result().status_code == 201
    assert ada.get("/syncs").json()["total_count"] == 1
    assert ask().content == second.result().content


def test_a_commit_is_not_done_again_when_its_answer_was_lost(
    applications: Applications,
) -> None:
    app, database = open_faulty(applications)
    ada, headers = app.person(), key()
    # The first commit takes the key, the second makes the account and keeps the answer.
    database.next_writes[:] = ["done", "lost"]
    assert ada.post("/accounts", json=NEW, headers=headers).status_code == 503
    assert ada.post("/accounts", json=NEW, headers=headers).status_code == 201
    assert ada.get("/accounts").json()["total_count"] == 1


def test_many_accounts_made_at_once_by_someone_new_share_one_connection(
    app: App, ada: Person
) -> None:
    answers = all_at_once(TIMES, lambda: ada.post("/accounts", json=NEW))
    assert Counter(found.status_code for found in answers) == {201: TIMES}
    assert ada.get("/connections").json()["total_count"] == 1
    assert_sound(app)


def test_the_same_file_imported_many_times_at_once_is_recorded_once(app: App, ada: Person) -> None:
    answers = all_at_once(8, lambda: ada.post("/imports", files=upload()))
    assert Counter(found.status_code for found in answers) == {201: 8}
    assert sum(found.json()["recorded"] for found in answers) == 56
    assert ada.get("/accounts").json()["total_count"] == 2
    assert recorded(ada) == 56
    assert_sound(app)


def test_balances_typed_at_once_are_all_there(app: App, ada: Person) -> None:
    account_id, start = ada.account("0"), Barrier(TIMES)

    def type_one(number: int) -> None:
        start.wait()
        ada.type(account_id, str(number), "2025-02-01T00:00:00Z")

    with ThreadPoolExecutor(TIMES) as pool:
        list(pool.map(type_one, range(TIMES)))
    found = column(ada.history(account_id), "balance")
    assert sorted(found[1:]) == sorted(f"{number}.00" for number in range(TIMES))
    assert_sound(app)


def test_a_run_retracted_many_times_at_once_is_retracted_once(app: App, ada: Person) -> None:
    ada.account()
    (run,) = ada.get("/syncs").json()["syncs"]
    answers = all_at_once(8, lambda: ada.delete(f"/syncs/{run['id']}"))
    assert Counter(found.status_code for found in answers) == {204: 8}
    assert_sound(app)


def test_changes_at_once_of_different_fields_all_stay(ada: Person) -> None:
    changes: list[dict[str, object]] = [
        {"name": "Renamed"}, {"is_hidden": True}, {"account_type": "cash"},
        {"closed_at": "2025-06-01T00:00:00Z"},
    ]  # fmt: skip
    for _ in range(5):
        path = f"/accounts/{ada.account()}"

        def change(number: int, path: str = path) -> int:
            status: int = ada.patch(path, json=changes[number]).status_code
            return status

        assert at_once(len(changes), change) == [200] * len(changes)
        found = ada.get(path).json()
        for wanted in changes:
            assert found | wanted == found
