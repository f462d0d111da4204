"""A damaged answer is read or refused; nothing crashes, and no number is invented."""

import random
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dashtam.application.provider import HttpAnswer, Provider, ProviderError, Report
from dashtam.domain.statement import Reading
from dashtam.providers.akahu import Akahu
from dashtam.providers.alpaca import Alpaca
from dashtam.providers.conformance import report_faults
from dashtam.providers.ibkr_flex import IbkrFlex
from dashtam.providers.lunch_flow import LunchFlow
from dashtam.providers.simplefin import SimpleFin
from dashtam.providers.snap_trade import SnapTrade
from dashtam.providers.trading_212 import Trading212
from proofs import Proof
from providers import flex_server, test_akahu, test_lunch_flow, test_snap_trade, test_trading_212
from providers.provider_server import http_answer
from providers.simplefin_server import PASSWORD, account, account_set
from providers.test_alpaca import ACCOUNT, HELD, HISTORY
from providers.test_simplefin import holding

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
ROUNDS = 6000

POISON = [
    b"NaN", b"1E400", b"-1e9", b"Infinity", b"1_000", b"null", b"true", b"[]", b"{}", b'""', b'"',
    b"\0", b"\xff", b"\\ud800", b"\\u0000", b"9" * 400, b"0." + b"1" * 30, b"<", b">", b"</", b"&",
    b"&amp;", b"<!DOCTYPE", b"[" * 500, b"USD", b"EUR", b"XXX", b"https://", b"-", b"+", b",", b".",
    b":", b"}", b"]", b"20261399", b"99999999999999", b"-1", b"\xef\xbc\x91", b"BASE_SUMMARY",
]  # fmt: skip


def body_of(value: object) -> bytes:
    return http_answer(value)[1]


class Scripted:
    """Answers in turn, the last one for ever, one of them damaged."""

    def __init__(self, bodies: Sequence[bytes], chance: random.Random) -> None:
        self.bodies = list(bodies)
        damaged = chance.randrange(len(bodies))
        self.bodies[damaged] = mutated(bodies[damaged], chance)
        self.status = chance.choice((200,) * 9 + (201, 204, 402, 403, 418, 429, 500, 503))
        self.content = b"".join(self.bodies).decode("utf-8", "replace")

    def request(self, *_: object, **__: object) -> HttpAnswer:
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        return HttpAnswer(self.status, {}, body)


def mutated(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(damaged) + 1)
        length = chance.choice((0, 1, 1, 2, 6, 40))
        damaged[place : place + length] = chance.choice((chance.choice(POISON), b"%d" % place, b""))
    if chance.random() < 0.1:
        del damaged[chance.randrange(len(damaged) + 1) :]
    return bytes(damaged)


def simplefin_answers() -> list[bytes]:
    held = account(name="Fund", id="ACT-3", holdings=[holding(), holding(symbol="B")])
    third = account(id="ACT-2", balance="-532.69", currency="EUR")
    return [body_of(account_set(account(), third, held, errors=["Something"]))]


def flex_answers() -> list[bytes]:
    values = [flex_server.value(f"202611{day:02}", f"{day}01.25") for day in range(2, 21)]
    held = [flex_server.position(), flex_server.position(symbol="BND")]
    return [flex_server.success().encode(), flex_server.statement(*values, positions=held).encode()]


def alpaca_answers() -> list[bytes]:
    return [body_of(ACCOUNT), body_of([HELD, HELD]), body_of(HISTORY)]


def akahu_answers() -> list[bytes]:
    card = test_akahu.EVERYDAY | {"_id": "acc_2", "type": "CREDITCARD"}
    booked = [
        test_akahu.booked(number, f"2026-11-{number}T11:00:00.000", -1.5, number * 7)
        for number in (12, 14, 15)
    ]
    page = {"success": True, "items": booked, "cursor": {"next": None}}
    return [body_of({"success": True, "items": [test_akahu.EVERYDAY, card]}), body_of(page)]


def trading_212_answers() -> list[bytes]:
    return [test_trading_212.SUMMARY.encode(), body_of([test_trading_212.POSITION] * 2)]


def lunch_flow_answers() -> list[bytes]:
    held = test_lunch_flow.HELD
    return [
        body_of({"accounts": [test_lunch_flow.GIRO]}),
        body_of(test_lunch_flow.amount(812.05)),
        body_of(test_lunch_flow.holdings(held, held)),
    ]


def snap_trade_answers() -> list[bytes]:
    held = {"results": [test_snap_trade.position("AAPL", "10.5", "123.45")], "data_freshness": {}}
    return [
        body_of([test_snap_trade.ACCOUNT]),
        body_of([test_snap_trade.CONNECTION]),
        body_of(held),
        body_of([test_snap_trade.cash(300.71)]),
    ]


CASES: dict[str, tuple[Provider, dict[str, str], Callable[[], list[bytes]]]] = {
    "simplefin": (
        SimpleFin(),
        {"access_url": f"https://user:{PASSWORD}@bridge.example/simplefin"},
        simplefin_answers,
    ),
    "ibkr_flex": (IbkrFlex(sleep=lambda _: None), flex_server.KEPT, flex_answers),
    "alpaca": (Alpaca(), {"key_id": "AK", "secret_key": PASSWORD}, alpaca_answers),
    "akahu": (Akahu(), {"app_token": "app", "user_token": PASSWORD}, akahu_answers),
    "trading_212": (
        Trading212(sleep=lambda _: None),
        {"api_key": "key", "api_secret": PASSWORD},
        trading_212_answers,
    ),
    "lunch_flow": (LunchFlow(), {"api_key": PASSWORD}, lunch_flow_answers),
    "snap_trade": (
        SnapTrade(),
        {"client_id": "PERS", "consumer_key": PASSWORD},
        snap_trade_answers,
    ),
}
# The sum of several cash amounts, and the product of units and a price, stand in no answer.
COMPUTED = {"snap_trade": {"market_value"}, "trading_212": {"cash_value"}}


def numbers_in(text: str) -> set[str]:
    # A mutation may stand in the middle of a number: every run of digits counts, ``00.0`` as 0.0.
    found = re.findall(r"[0-9]+(?:\.[0-9]+)?", text)
    found += re.findall(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}", text)
    return {format(Decimal(number), "f") for number in found}


def amounts_of(reading: Reading, computed: Collection[str]) -> list[Decimal | None]:
    cash = None if "cash_value" in computed else reading.cash_value
    return [reading.balance, reading.available_balance, cash]


def check(report: Report, content: str, computed: Collection[str] = ()) -> None:
    assert list(report_faults(report, NOW)) == []
    numbers = numbers_in(content)
    for one in report.accounts:
        readings = [*one.history, *([one.current] if one.current else [])]
        amounts = [amount for reading in readings for amount in amounts_of(reading, computed)]
        if "market_value" not in computed:
            amounts += [position.market_value for position in one.positions or ()]
        for amount in amounts:
            assert amount is None or format(abs(amount), "f") in numbers
        for problem in one.problems:
            assert not re.search(r"[0-9]{5}", problem.detail)


@pytest.mark.proves(11)
@pytest.mark.parametrize("slug", CASES)
def test_damaged_answers_are_read_or_refused(slug: str, proof: Proof) -> None:
    provider, kept, answers = CASES[slug]
    outcomes = {"read": 0, "refused": 0}
    bodies = answers()
    for seed in range(proof(ROUNDS)):
        http = Scripted(bodies, random.Random(f"{slug}/{seed}"))  # noqa: S311 - repeatable
        sentence = "Read."
        try:
            check(
                provider.fetch(kept, http, now=NOW, backfill=True, renew=lambda _: None),
                http.content,
                COMPUTED.get(slug, ()),
            )
        except ProviderError as error:
            sentence = str(error)
        assert sentence
        assert PASSWORD not in sentence
        outcomes["read" if sentence == "Read." else "refused"] += 1
    assert min(outcomes.values()) > 10
    proof.record(damaged_answers=sum(outcomes.values()), invented_numbers=0)
