"""Nobody sees another's data: every route, every kind of id, every kind of token."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from api.problem_assertions import assert_problem
from application import App, Person
from dashtam.presentation.routers.api.v1.routes.registry import ROUTES
from dashtam.presentation.routers.api.v1.routes.route import Auth, Route

CANARY = "CANARY"
OFX = (
    "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
    "<FI><ORG>{canary} Bank<FID>{canary}</FI></SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS>"
    "<STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>{canary}{number}<ACCTTYPE>CHECKING"
    "</BANKACCTFROM><LEDGERBAL><BALAMT>{balance}<DTASOF>20250101</LEDGERBAL></STMTRS></STMTTRNRS>"
    "</BANKMSGSRSV1></OFX>"
)

# How each route is called: a route that is not here fails the tests, so that nobody forgets it.
BODIES: dict[str, dict[str, Any]] = {
    "POST /accounts/{id}/balance-snapshots": {"json": {"balance": "1"}},
    "POST /accounts/{id}/balance-snapshots/{snapshot_id}/correction": {
        "json": {"balance": "1", "reason": "mistyped"}
    },
    "POST /accounts": {"json": {"name": "a", "account_type": "cash", "currency": "USD",
                                "balance": "1"}},
    "PATCH /accounts/{id}": {"json": {"name": "Renamed"}},
    "POST /connections": {"json": {"provider": "none", "credentials": {}}},
    "POST /authorizations": {"json": {"provider": "none", "credentials": {}}},
    "POST /authorizations/completions": {"json": {"parameters": {"state": "none"}}},
    "PATCH /connections/{id}": {"json": {"name": "Renamed"}},
    "POST /connections/{id}/syncs": {"json": {}},
    "POST /accounts/syncs": {"json": {"connection_id": str(uuid4())}},
    "POST /accounts/{id}/holdings/syncs": {"json": {}},
    "POST /imports": {"files": {"file": ("b.csv", b"Date,Balance,Account\n2025-01-01,1,Giro\n")}},
    "POST /import-profiles": {"json": {"delimiter": ";", "columns": ["Tag"], "mapping": {}}},
    "POST /users": {"json": {"email": "x@example.com", "password": "not one that counts"}},
    "PATCH /users/me": {"json": {"password": "x", "new_password": "a pelican under nine bridges"}},
    "POST /sessions": {"json": {"email": "x@example.com", "password": "not one that counts"}},
    "POST /tokens": {"json": {"refresh_token": "x"}},
    "POST /access-tokens": {"json": {"name": "script"}},
    "POST /holds/{id}/decision": {"json": {"decision": "release"}},
    "POST /accounts/{id}/join": {"json": {"account_id": "550e8400-e29b-41d4-a716-44665544000b"}},
}  # fmt: skip
RANGE = {"start_date": "2020-01-01", "end_date": "2030-01-01"}
QUERIES = {
    "GET /accounts/{id}/balance-history": RANGE,
    "GET /accounts/{id}/flows": RANGE,
    "GET /balance-history": RANGE,
}
WITHOUT_BODY = {"GET", "DELETE"}


@dataclass(frozen=True)
class Belongings:
    """Someone's things, by the first segment of the paths under which they are found."""

    person: Person
    ids: dict[str, str]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def call(person: Person, route: Route, number: str = "", token: str | None = "") -> Any:  # noqa: ANN401 - a response
    """Call the route with this id, by the person's token unless another or none is given."""
    options = dict(BODIES[name_of(route)]) if route.method not in WITHOUT_BODY else {}
    options["params"] = QUERIES.get(name_of(route), {})
    path = route.path.replace("{id}", number)
    if "{snapshot_id}" in path:
        path = path.replace("{snapshot_id}", snapshot_of(person, number))
    if token is None:
        return person.client.request(route.method, f"/api/v1{path}", **options)
    if token:
        options["headers"] = {"Authorization": f"Bearer {token}"}
    return person.request(route.method, path, **options)


def snapshot_of(person: Person, account_id: str) -> str:
    """The id of a snapshot of the account; of none, where the person may not see it."""
    found = person.get(f"/accounts/{account_id}/balance-snapshots")
    return found.json()["snapshots"][0]["id"] if found.status_code == 200 else str(uuid4())


def belongings(app: App, name: str, canary: str = "") -> Belongings:
    person = app.person(f"{name}{canary}@example.com")
    number, balance = f"{name}9876543210", "31415926.53"
    file = OFX.format(canary=canary or "Own", number=number, balance=balance).encode()
    done = person.post("/imports", files={"file": ("x.ofx", file)})
    assert done.status_code == 201, done.text
    account_id = done.json()["accounts"][0]["account_id"]
    person.patch(f"/accounts/{account_id}", json={"name": f"{name} {canary}"})
    person.account(name=f"{name} by hand {canary}")
    made = person.post("/access-tokens", json={"name": f"{name} {canary}"}).json()
    mapping = {"account_name": f"{name} {canary}"}
    profile = person.post(
        "/import-profiles", json={"delimiter": ";", "columns": ["Tag"], "mapping": mapping}
    ).json()
    ids = {
        "accounts": account_id,
        "connections": person.get("/connections").json()["connections"][0]["id"],
        "syncs": done.json()["id"],
        "sessions": person.get("/sessions").json()["sessions"][0]["id"],
        "access-tokens": made["id"],
        "import-profiles": profile["id"],
    }
    return Belongings(person, ids)


@pytest.fixture
def ada_has(app: App) -> Belongings:
    return belongings(app, "ada")


@pytest.fixture
def eve_has(app: App) -> Belongings:
    return belongings(app, "eve", CANARY)


def kind_of(route: Route) -> str:
    return route.path.split("/")[1]


def with_id() -> list[Route]:
    return [route for route in ROUTES if "{id}" in route.path]


def everything(person: Person) -> list[str]:
    """All that the person can read without naming an id."""
    routes = [route for route in ROUTES if route.method == "GET" and "{" not in route.path]
    texts = [call(person, route).text for route in routes]
    # An export says when it was made.
    return [text for text in texts if '"exported_at"' not in text]


def test_every_route_is_known_to_these_tests() -> None:
    for route in ROUTES:
        known = route.method in WITHOUT_BODY or name_of(route) in BODIES
        assert known, f"say in BODIES how {name_of(route)} is called"
        assert "{" not in route.path.replace("{id}", "").replace("{snapshot_id}", "")
        required = [parameter.name for parameter in route.parameters if parameter.required]
        assert set(required) <= {"id", "snapshot_id", *QUERIES.get(name_of(route), {})}


def test_an_id_that_is_not_ones_own_gives_403_under_accounts_and_404_elsewhere(
    ada_has: Belongings, eve_has: Belongings, subtests: pytest.Subtests
) -> None:
    before = everything(eve_has.person)
    for route in with_id():
        kind = kind_of(route)
        foreign = {f"eve's {name}": number for name, number in eve_has.ids.items()}
        own = {f"ada's {name}": ada_has.ids[name] for name in ada_has.ids if name != kind}
        nobody = {"nobody's": str(uuid4()), "a user's": str(eve_has.person.id)}
        for whose, number in (foreign | own | nobody).items():
            with subtests.test(route=name_of(route), id=whose):
                answer = call(ada_has.person, route, number)
                is_foreign_account = whose == "eve's accounts" == f"eve's {kind}"
                assert_problem(answer, 403 if is_foreign_account else 404)
                assert CANARY not in answer.text
                assert "31415926" not in answer.text
                if route.method == "GET":
                    path, query = answer.json()["instance"][7:], QUERIES.get(name_of(route), {})
                    headed = ada_has.person.request("HEAD", path, params=query)
                    assert headed.status_code == answer.status_code
    assert everything(eve_has.person) == before


def test_an_id_in_a_form_that_is_not_ones_own_is_404(
    ada_has: Belongings, eve_has: Belongings
) -> None:
    before = everything(eve_has.person)
    for field, kind in (("account_id", "accounts"), ("connection_id", "connections")):
        for number in (eve_has.ids[kind], str(uuid4()), ada_has.ids["syncs"]):
            for dry_run in ("true", "false"):
                answer = ada_has.person.post(
                    "/imports", data={field: number, "dry_run": dry_run}, **BODIES["POST /imports"]
                )
                assert_problem(answer, 404, "not_found")
                assert CANARY not in answer.text
    assert everything(eve_has.person) == before


def test_ones_own_data_tell_nothing_of_others(ada_has: Belongings, eve_has: Belongings) -> None:
    texts = [*everything(ada_has.person), ada_has.person.get("/export").text]
    texts += [
        call(ada_has.person, route, ada_has.ids[kind_of(route)]).text
        for route in with_id()
        if route.method == "GET"
    ]
    assert not any(CANARY in text for text in texts)
    assert CANARY in eve_has.person.get("/export").text
    assert eve_has.ids["accounts"] not in "".join(texts)


def test_two_users_of_the_same_file_share_nothing(app: App) -> None:
    file = {"file": ("x.ofx", OFX.format(canary="", number="1", balance="5").encode())}
    first, second = app.person("a@example.com"), app.person("b@example.com")
    made = [person.post("/imports", files=file).json() for person in (first, second)]
    assert [done["recorded"] for done in made] == [1, 1]
    assert made[0]["accounts"][0]["account_id"] != made[1]["accounts"][0]["account_id"]


def test_a_read_only_token_reads_and_is_403_wherever_a_session_is_needed(
    ada_has: Belongings, subtests: pytest.Subtests
) -> None:
    person = ada_has.person
    token = person.post("/access-tokens", json={"name": "reads"}).json()["token"]
    before = everything(person)
    for route in ROUTES:
        with subtests.test(route=name_of(route)):
            number = ada_has.ids.get(kind_of(route), str(uuid4()))
            if route.auth is Auth.SESSION:
                assert_problem(call(person, route, number, token), 403, "forbidden")
            elif route.auth is Auth.READER:
                assert call(person, route, number, token).status_code == 200
            assert route.auth is not Auth.READER or route.method == "GET"
    person.get("/access-tokens")
    assert len(everything(person)) == len(before)


def test_without_a_token_every_route_is_401_and_spends_nobodys_tokens(
    app: App, ada_has: Belongings, subtests: pytest.Subtests
) -> None:
    for route in ROUTES:
        if route.auth is Auth.NOBODY:
            continue
        with subtests.test(route=name_of(route)):
            for token in (None, "x", f"{ada_has.person.token}x"):
                answer = call(ada_has.person, route, "x", token)
                assert_problem(answer, 401, "unauthorized")
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    bob = app.person("bob@example.com")
    assert bob.get("/accounts").headers["X-RateLimit-Remaining"] == "99999"


def test_a_route_that_needs_nobody_signed_in_is_one_of_four() -> None:
    open_routes = {name_of(route) for route in ROUTES if route.auth is Auth.NOBODY}
    assert open_routes == {"GET /registration", "POST /users", "POST /sessions", "POST /tokens"}
