"""Threads that start together, and waiting for a condition."""

import time
from collections.abc import Callable
from threading import Barrier, Thread
from typing import TypeVar

T = TypeVar("T")


def at_once(times: int, act: Callable[[int], T]) -> list[T | Exception]:
    """Call the function in threads that start together; return the results and errors."""
    outcomes: list[T | Exception] = []
    start = Barrier(times)

    def run(number: int) -> None:
        start.wait()
        try:
            outcomes.append(act(number))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcomes.append(error)

    threads = [Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def wait_until(is_true: Callable[[], bool], at_most_s: float = 120) -> None:
    """Return as soon as the condition is true, and fail when it does not become so."""
    deadline = time.monotonic() + at_most_s
    while not is_true():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
