"""Errors in a body point at their field, as RFC 6901 says."""

import pytest

from api.problem_assertions import assert_problem
from application import Person

NEW = {"name": "Giro", "account_type": "checking", "currency": "EUR", "balance": "1.00"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({name: text for name, text in NEW.items() if name != "balance"}, "/balance"),
        (NEW | {"zz": 1}, "/zz"),
        (NEW | {"a/b~c": 1}, "/a~1b~0c"),
        (NEW | {"balance": 1}, "/balance"),
        ([], ""),
        ("x", ""),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_error_points_at_its_field(ada: Person, body: object, pointer: str) -> None:
    problem = assert_problem(ada.post("/accounts", json=body), 422, "unprocessable")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unknown_field_with_a_long_name_is_not_said_back(ada: Person) -> None:
    answer = ada.post("/accounts", json=NEW | {"z" * 100_000: 1})
    assert_problem(answer, 422, "unprocessable")
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("balance", "12x", "An amount is plain digits with a point, such as 1250.00 or -1200.00"),
        ("currency", "eur", "A currency is its three capital letters, such as USD"),
        *(
            ("name", name, "A name is not blanks alone and has no control characters")
            for name in (
                " ",
                "a\n",
                "a\nb",
                "a\x00",
                "a\x7f",
                "\x9b2Ja",
                "a\u2028",
                "\u202eevil",
                "a\u2066",
            )
        ),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_pattern_is_told_in_words(ada: Person, field: str, typed: str, rule: str) -> None:
    problem = assert_problem(ada.post("/accounts", json=NEW | {field: typed}), 422, "unprocessable")
    assert problem["errors"] == [{"pointer": f"/{field}", "code": "invalid", "detail": rule}]
