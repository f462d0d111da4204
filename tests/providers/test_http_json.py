from datetime import UTC, datetime, timedelta

import pytest

from dashtam.application.provider import HttpAnswer
from dashtam.providers.http_json import parse_retry_after, redact

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "planted-7d1c"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("120", 120), ("0", 0), (" 7 ", 7), ("999999999", 7 * 86400),
        ("Sun, 22 Nov 2026 12:05:00 GMT", 300), ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30), ("Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86400),
        ("Sun, 22 Nov 2026 12:05:00", 300), ("Sun, 22 Nov 2026 13:05:00 +0100", 300),
        ("soon", None), ("-5", None), ("1e9", None), ("", None), ("١٢", None), ("3.5", None),
        ("9" * 400, None), ("NaN", None), ("Sun, 99 Nov 2026 12:05:00 GMT", None), ("0x10", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str, expected_s: int | None) -> None:
    found = parse_retry_after(HttpAnswer(429, {"retry-after": text}, b""), NOW)
    assert found == (None if expected_s is None else timedelta(seconds=expected_s))


def test_texts_of_a_provider_are_redacted() -> None:
    text = redact(
        f"<script>x()</script> Token {SECRET} at https://u:{SECRET}@bank.example/x?t={SECRET}"
        " is\r\n\x1b[31mbad <b",
        [SECRET],
    )
    assert text == "x() Token … at … is [31mbad b"
    assert len(redact("a" * 10_000)) == 200
