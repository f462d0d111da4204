"""The problem type of an error, and the threads that answer."""

import pytest

from dashtam.domain.errors import DashtamError
from dashtam.presentation.http.problems import UNPROCESSABLE, problem_type_of
from dashtam.presentation.routers.api.v1.routes.mount import Workers


def test_an_error_of_no_class_of_its_own_is_422() -> None:
    assert problem_type_of(DashtamError("This cannot be done.")) is UNPROCESSABLE


@pytest.mark.parametrize("threads", [5, 10, 100])
def test_no_more_threads_work_than_there_are_connections(threads: int) -> None:
    assert sum(Workers(threads).limits) < threads
