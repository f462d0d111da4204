"""Trading 212, against a stub that speaks its protocol, limits and misbehaves."""

import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    Http,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
)
from dashtam.providers.conformance import report_faults
from dashtam.providers.trading_212 import Trading212
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SECRET = "planted-5ecret"  # noqa: S105 - nobody's
KEPT = {"api_key": "key-1", "api_secret": SECRET}
BASIC = "Basic " + b64encode(f"key-1:{SECRET}".encode()).decode()
SUMMARY = (
    '{"id": 21234567, "currency": "GBP", "totalValue": 5310.27,'
    ' "cash": {"availableToTrade": 250.1, "inPies": 0.17, "reservedForOrders": 60.0},'
    ' "investments": {"currentValue": 5000.0, "realizedProfitLoss": 1.5, "totalCost": 4800.0,'
    ' "unrealizedProfitLoss": 200.0}}'
)
POSITION = {
    "averagePricePaid": 180.5, "createdAt": "2025-03-03T10:00:00.000+02:00", "currentPrice": 210.25,
    "instrument": {"currency": "USD", "isin": "US0378331005", "name": "Apple",
                   "ticker": "AAPL_US_EQ"},
    "quantity": 12.3456, "quantityAvailableForTrading": 12.3456, "quantityInPies": 0,
    "walletImpact": {"currency": "GBP", "currentValue": 5000.0, "fxImpact": -3.1,
                     "totalCost": 1900.25, "unrealizedProfitLoss": 100.25},
}  # fmt: skip


def position(trades_in: str, **impact: object) -> dict[str, Any]:
    instrument = POSITION["instrument"] | {"currency": trades_in}  # type: ignore[operator]
    return POSITION | {
        "instrument": instrument,
        "walletImpact": POSITION["walletImpact"] | impact,  # type: ignore[operator]
    }


class Service:
    """One account; a path refuses as many requests with 429 as ``busy`` says."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.summary: object = SUMMARY
        self.positions: object = [POSITION]
        self.statuses: dict[str, int] = {}
        self.busy: dict[str, int] = {}
        self.resets_in_s = 4
        self.slept: list[float] = []
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        if request.headers.get("authorization") != BASIC:
            return http_answer(f"Bad key {SECRET}", 401)
        name = request.path.removeprefix("/api/v0/equity/")
        reset = str(int((NOW + timedelta(seconds=self.resets_in_s)).timestamp()))
        headers = [("x-ratelimit-limit", "1"), ("x-ratelimit-period", "5"),
                   ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]  # fmt: skip
        if self.busy.get(name, 0):
            self.busy[name] -= 1
            return http_answer(b"", 429, *headers)
        result = {"account/summary": self.summary, "positions": self.positions}[name]
        body = result if isinstance(result, str) else json.dumps(result)
        return http_answer(body, self.statuses.get(name, 200), *headers)


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def fetch(service: Service, http: Http, **given: str) -> AccountReport:
    stored = KEPT | {"base_url": service.server.url()} | given
    provider = Trading212(sleep=service.slept.append)
    report = provider.fetch(stored, http, now=NOW, backfill=True)
    assert list(report_faults(report, NOW)) == []
    assert SECRET not in repr(report)
    (account,) = report.accounts
    return account


def test_value_cash_and_positions_are_read(service: Service, http: Http) -> None:
    account = fetch(service, http)
    assert account.current is not None
    told = account.current
    assert (str(told.balance), str(told.cash_value), str(told.holdings_value)) == (
        "5310.27", "310.27", "5000.0",
    )  # fmt: skip
    identity = account.identity
    assert (identity.external_id, identity.currency.code, identity.number_masked) == (
        "21234567", "GBP", "••••4567",
    )  # fmt: skip
    assert account.positions is not None
    (held,) = account.positions
    assert (held.symbol, held.name, str(held.quantity), str(held.market_value)) == (
        "AAPL_US_EQ", "Apple", "12.3456", "5000.0",
    )  # fmt: skip
    assert (held.currency.code, str(held.cost_basis)) == ("GBP", "1900.25")
    paths = [request.path for request in service.server.requests]
    assert paths == ["/api/v0/equity/account/summary", "/api/v0/equity/positions"]


def test_a_price_in_another_currency_is_left_out(service: Service, http: Http) -> None:
    service.positions = [position("USD"), position("GBX"), position("GBP")]
    account = fetch(service, http)
    assert account.positions is not None
    assert [str(held.price) for held in account.positions] == ["None", "None", "210.25"]


def test_a_number_with_an_exponent_is_exact(service: Service, http: Http) -> None:
    service.positions = json.dumps([POSITION]).replace("12.3456", "1.2345678E-4")
    account = fetch(service, http)
    assert account.positions is not None
    assert str(account.positions[0].quantity) == "0.00012345678"
    service.summary = SUMMARY.replace("5310.27", "1.5E+3")
    account = fetch(service, http)
    assert account.current is not None
    assert str(account.current.balance) == "1500"


@pytest.mark.parametrize("value", ["null", '""', "NaN", "1E400", "[]", "true"])
def test_a_missing_value_is_no_balance(service: Service, http: Http, value: str) -> None:
    service.summary = SUMMARY.replace("5310.27", value)
    account = fetch(service, http)
    assert account.current is None
    assert len(account.problems) == 1


def test_missing_parts_are_not_invented(service: Service, http: Http) -> None:
    service.summary = {"id": 1, "currency": "EUR", "totalValue": 5, "cash": {"inPies": 1}}
    account = fetch(service, http)
    assert account.current is not None
    assert (account.current.cash_value, account.current.holdings_value) == (None, None)


@pytest.mark.parametrize(
    "held",
    [[POSITION, {}], [None], [position("USD", currentValue="NaN")],
     [position("USD", currency="FLY")]],
)  # fmt: skip
def test_one_unusable_position_leaves_out_all(service: Service, http: Http, held: object) -> None:
    service.positions = held
    account = fetch(service, http)
    assert account.positions is None
    assert account.current is not None
    assert len(account.problems) == 1


def test_positions_that_cannot_be_read_cost_no_balance(service: Service, http: Http) -> None:
    for status, positions in ((403, []), (408, []), (500, []), (200, {})):
        service.statuses["positions"] = status
        service.positions = positions
        account = fetch(service, http)
        assert account.current is not None
        assert account.positions is None
        assert [one.code for one in account.problems] == ["no_holdings"]


def test_a_limit_of_seconds_is_waited_for(service: Service, http: Http) -> None:
    service.busy = {"account/summary": 1, "positions": 2}
    account = fetch(service, http)
    assert account.problems == ()
    # The second wait of the positions begins where the first one ended.
    assert service.slept == [4.0, 4.0, 1.0]


def test_a_longer_limit_is_told(service: Service, http: Http) -> None:
    service.busy = {"account/summary": 3}
    service.resets_in_s = 3600
    with pytest.raises(ProviderRateLimited) as caught:
        fetch(service, http)
    assert caught.value.retry_after == timedelta(hours=1)
    assert service.slept == []


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(401, CredentialsRefused, "credentials"), (403, CredentialsRefused, "permission"),
     (408, ProviderFailed, "408"), (500, ProviderFailed, "500")],
)  # fmt: skip
def test_each_error_says_so(
    service: Service, http: Http, status: int, error: type[ProviderError], words: str
) -> None:
    service.statuses["account/summary"] = status
    with pytest.raises(error, match=words) as caught:
        fetch(service, http)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("summary", [{}, [], {"id": 1}, {"id": 1, "currency": "GBX"}, "<html>"])
def test_an_answer_of_another_form_is_a_failure(
    service: Service, http: Http, summary: object
) -> None:
    service.summary = summary
    with pytest.raises(ProviderFailed):
        fetch(service, http)


def test_a_wrong_secret_is_refused(service: Service, http: Http) -> None:
    with pytest.raises(CredentialsRefused):
        fetch(service, http, api_secret="wrong")  # noqa: S106 - nobody's
