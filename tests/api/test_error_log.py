"""The log of errors, with their messages for debugging alone."""

import json

import pytest
import structlog

from dashtam.bootstrap import logs


@pytest.mark.parametrize("debug", [False, True])
def test_the_message_of_an_error_is_logged_for_debugging_alone(
    capfd: pytest.CaptureFixture[str], *, debug: bool
) -> None:
    try:
        writer = logs.configure("info", debug=debug)
        log = structlog.get_logger()
        try:
            int("4999.44")
        except ValueError:
            log.error("request_failed")  # noqa: TRY400 - as the edge of the process does
            log.info("request_finished")
        writer.flush()
    finally:
        structlog.reset_defaults()
    failed, finished = map(json.loads, capfd.readouterr().err.splitlines())
    assert ("4999.44" in failed.get("traceback", "")) is debug
    assert "traceback" not in finished
