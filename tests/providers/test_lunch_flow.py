"""Lunch Flow, against a stub that speaks its protocol and misbehaves."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    Http,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.providers.conformance import report_faults
from dashtam.providers.lunch_flow import LunchFlow
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SECRET = "planted-5ecret"  # noqa: S105 - nobody's
GIRO = {
    "id": 11, "name": "Giro", "institution_name": "Alder Bank", "provider": "gocardless",
    "institution_logo": "https://alder.example/l.png", "currency": None, "status": "ACTIVE",
}  # fmt: skip
HELD = {
    "security": {"name": "World ETF", "currency": "EUR", "tickerSymbol": "VWCE", "figi": None,
                 "cusp": None, "isin": "IE00BK5BQT80"},
    "quantity": 3.5, "price": 110.2, "value": 385.7, "costBasis": 300.1, "currency": "EUR",
    "raw": {"quiltt": {"id": "hld_1"}},
}  # fmt: skip


def amount(value: object, currency: str = "EUR") -> dict[str, Any]:
    return {"balance": {"amount": value, "currency": currency}}


def holdings(*held: object, total: object = 385.7, currency: str = "EUR") -> dict[str, Any]:
    return {"holdings": list(held), "totalValue": total, "currency": currency}


class Service:
    """Lunch Flow; ``answers`` are a status and a body by path, other holdings are refused."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.accounts: list[Any] = [GIRO]
        self.answers: dict[str, tuple[int, object]] = {"11/balance": (200, amount(812.05))}
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        if request.headers.get("x-api-key") != SECRET:
            return http_answer({"error": "Unauthorized", "message": SECRET}, 401)
        name = request.path.removeprefix("/api/v1/accounts").removeprefix("/")
        told: tuple[int, object] = (200, {"accounts": self.accounts, "total": len(self.accounts)})
        if name:
            told = (422, {"error": "Not supported", "message": "No holdings"})
        status, body = self.answers.get(name, told)
        content = body if isinstance(body, bytes) else json.dumps(body)
        return http_answer(content, status, ("Retry-After", "60"))

    def paths(self) -> list[str]:
        return [request.path for request in self.server.requests]


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def fetch(service: Service, http: Http, **given: str) -> Report:
    stored = {"api_key": SECRET, "base_url": service.server.url()} | given
    report = LunchFlow().fetch(stored, http, now=NOW, backfill=True)
    assert list(report_faults(report, NOW)) == []
    assert SECRET not in repr(report)
    return report


def fetch_account(service: Service, http: Http, **changes: Any) -> AccountReport:  # noqa: ANN401 - JSON
    service.accounts = [GIRO | changes]
    (account,) = fetch(service, http).accounts
    return account


def test_the_balance_tells_the_currency(service: Service, http: Http) -> None:
    account = fetch_account(service, http)
    assert account.current is not None
    assert (str(account.current.balance), account.identity.currency.code) == ("812.05", "EUR")
    identity = account.identity
    assert (identity.external_id, identity.institution, identity.account_type) == (
        "11", "Alder Bank", "checking",
    )  # fmt: skip
    assert (account.positions, account.problems) == (None, ())
    paths = ["", "/11/balance", "/11/holdings"]
    assert service.paths() == [f"/api/v1/accounts{path}" for path in paths]


def test_the_older_form_of_a_balance_is_read(service: Service, http: Http) -> None:
    older = {"balance": {"available": 90, "current": 100.5, "currency": "GBP"}}
    service.answers["11/balance"] = (200, older)
    account = fetch_account(service, http)
    assert account.current is not None
    assert str(account.current.balance) == "100.5"
    assert str(account.current.available_balance) == "90"


@pytest.mark.parametrize(
    ("name", "balance", "sign"),
    [("Visa Card", 70.5, -1), ("Visa Card", -70.5, 1), ("Visa Card", 0, -1), ("Home loan", 9, -1),
     ("Giro", 70.5, 1), ("Giro", -70.5, 1)],
)  # fmt: skip
def test_a_debt_is_told_with_either_sign(
    service: Service, http: Http, name: str, balance: float, sign: int
) -> None:
    service.answers["11/balance"] = (200, amount(balance))
    account = fetch_account(service, http, name=name)
    assert account.current is not None
    assert str(account.current.balance) == str(balance)
    assert account.identity.balance_sign == sign


def test_holdings_are_read(service: Service, http: Http) -> None:
    service.answers["11/holdings"] = (200, holdings(HELD))
    account = fetch_account(service, http, name="Depot 1", provider="snaptrade")
    assert account.positions is not None
    (held,) = account.positions
    assert (held.symbol, held.name, str(held.quantity), str(held.market_value)) == (
        "VWCE", "World ETF", "3.5", "385.7",
    )  # fmt: skip
    assert (str(held.price), str(held.cost_basis), held.currency.code) == ("110.2", "300.1", "EUR")
    assert account.current is not None
    assert str(account.current.holdings_value) == "385.7"
    assert account.identity.account_type == "brokerage"
    # A total in another currency is not the account's.
    service.answers["11/holdings"] = (200, holdings(HELD, total=420, currency="USD"))
    account = fetch_account(service, http)
    assert account.current is not None
    assert str(account.current.holdings_value) == "385.7"


def test_holdings_that_cannot_be_read_cost_no_balance(service: Service, http: Http) -> None:
    for told, codes in (
        ((404, {}), []), ((400, {}), []), ((500, {}), ["no_holdings"]),
        ((200, {}), ["no_holdings"]),
        ((429, {}), ["no_holdings"]),
        ((200, holdings(HELD, HELD | {"quantity": "NaN"})), ["invalid_amount"]),
        ((200, holdings(HELD | {"currency": "BTC"})), ["unknown_currency"]),
    ):  # fmt: skip
        service.answers["11/holdings"] = told
        account = fetch_account(service, http)
        assert account.current is not None
        assert account.positions is None
        assert [one.code for one in account.problems] == codes


def test_a_missing_balance_is_no_balance(service: Service, http: Http) -> None:
    values: list[object] = [None, "", "NaN", [], True]
    for value in values:
        service.answers["11/balance"] = (200, amount(value))
        account = fetch_account(service, http)
        assert account.current is None
        assert len(account.problems) == 1
    service.answers["11/balance"] = (200, {"balance": None})
    assert fetch_account(service, http, currency="EUR").current is None
    service.accounts = [GIRO]
    assert fetch(service, http).accounts == []


def test_a_failing_bank_is_an_outage(service: Service, http: Http) -> None:
    service.answers["11/balance"] = (200, amount(0))
    for status, code in (("DISCONNECTED", "sign_in_needed"), ("ERROR", "institution_failed")):
        service.accounts = [GIRO | {"status": status}]
        report = fetch(service, http)
        outage = report.accounts[0].outage
        assert outage is not None
        assert outage.code == code
        assert report.attention == (outage.detail,)
    assert fetch_account(service, http, status=None).outage is None
    for failure in (403, 404, 500):
        service.answers["11/balance"] = (failure, {"message": SECRET})
        account = fetch_account(service, http, currency="EUR")
        assert account.current is None
        assert account.outage is not None
        assert account.outage.code == "account_failed"


def test_one_failing_account_costs_no_other(service: Service, http: Http) -> None:
    service.accounts = [GIRO, *(GIRO | {"id": number, "name": "Odd"} for number in (12, 13, "/"))]
    service.answers |= {"12/balance": (500, {}), "13/balance": (200, amount(1, "BTC"))}
    report = fetch(service, http)
    assert [one.identity.external_id for one in report.accounts] == ["11"]
    assert len(report.warnings) == 3
    service.accounts.insert(1, GIRO | {"id": 14})
    service.answers["14/balance"] = (429, {})
    report = fetch(service, http)
    assert len(report.accounts) == 1
    assert len(report.warnings) == 1
    assert service.paths()[-1] == "/api/v1/accounts/14/balance"


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("", 401, CredentialsRefused), ("", 403, CredentialsRefused), ("", 429, ProviderRateLimited),
     ("", 500, ProviderFailed), ("11/balance", 401, CredentialsRefused),
     ("11/balance", 429, ProviderRateLimited), ("11/balance", 500, ProviderFailed)],
)  # fmt: skip
def test_each_error_says_so_and_shows_no_key(
    service: Service, http: Http, path: str, status: int, error: type[ProviderError]
) -> None:
    service.answers[path] = (status, {"error": "x", "message": SECRET})
    if not path:
        service.server.script = lambda _: http_answer(SECRET, status)
    with pytest.raises(error) as caught:
        fetch(service, http)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("body", [b"[]", b'{"accounts": 1}', b"<html>", b"{"])
def test_an_answer_of_another_form_is_a_failure(service: Service, http: Http, body: bytes) -> None:
    service.server.script = lambda _: http_answer(body)
    with pytest.raises(ProviderFailed):
        fetch(service, http)
