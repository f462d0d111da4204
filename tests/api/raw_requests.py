"""Requests that are sent as they are, malformed or not."""

from typing import Any

from api.problem_assertions import assert_limit_headers, assert_problem
from application import Person


def ask(person: Person, path: str, query: str = "") -> Any:  # noqa: ANN401 - a response
    """Send exactly this, without anything being encoded on the way."""
    answer = person.get(f"{path}?{query}" if query else path)
    assert answer.status_code < 500, answer.text
    assert_limit_headers(answer)
    return answer


def assert_names(answer: Any, status: int, *parameters: str) -> None:  # noqa: ANN401 - see above
    problem = assert_problem(answer, status, "validation_failed")
    assert sorted({one["parameter"] for one in problem["errors"]}) == sorted(parameters)
