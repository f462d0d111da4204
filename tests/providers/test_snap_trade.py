"""SnapTrade, against a stub that checks each signature and misbehaves."""

import hmac
import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
from dashtam.providers.snap_trade import SnapTrade
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SECRET = "planted-5ecret"  # noqa: S105 - nobody's
KEPT = {"client_id": "PERS-1", "consumer_key": SECRET}
ONE, TWO = "11111111-aaaa-4bbb-8ccc-000000000001", "11111111-aaaa-4bbb-8ccc-000000000002"
SYNCED = {
    "initial_sync_completed": True,
    "last_successful_sync": "2026-11-21 18:42:46.561408+00:00",
}
ACCOUNT = {
    "id": ONE, "brokerage_authorization": "auth-1", "name": "Alder Individual",
    "number": "Q6542138443", "institution_account_id": None, "institution_name": "Alder Invest",
    "created_date": "2024-07-23T22:50:22.761390Z", "sync_status": {"holdings": SYNCED},
    "balance": {"total": {"amount": 15363.23, "currency": "USD"}}, "status": "open",
    "raw_type": "Margin", "account_category": "INVESTMENT", "is_paper": False,
}  # fmt: skip
CONNECTION = {"id": "auth-1", "name": "Connection-1", "type": "read", "disabled": False,
              "data_freshness_mode": "delayed"}  # fmt: skip


def position(
    symbol: str, units: str | None, price: str | None, kind: str = "stock", **more: object
) -> dict[str, Any]:
    instrument = {"kind": kind, "id": "i", "symbol": symbol, "raw_symbol": symbol,
                  "description": symbol, "currency": "USD", "multiplier": "100"}  # fmt: skip
    told = {"instrument": instrument, "units": units, "price": price, "cost_basis": "100",
            "currency": "USD"}  # fmt: skip
    return told | more


def cash(amount: object, currency: str = "USD") -> dict[str, Any]:
    return {"currency": {"id": "c", "code": currency, "name": "Money"}, "cash": amount,
            "buying_power": 9999}  # fmt: skip


class Service:
    """SnapTrade; ``answers`` are a status, a body and headers by path."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.accounts: list[Any] = [ACCOUNT]
        self.connections: list[Any] = [CONNECTION]
        self.positions: list[Any] = [position("AAPL", "10.5", "123.45")]
        self.balances: list[Any] = [cash(14067.005)]
        self.answers: dict[str, tuple[Any, ...]] = {}
        self.prefix = "/"
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        parts = urlsplit(request.target)
        signed = f'{{"content":null,"path":"{parts.path}","query":"{parts.query}"}}'
        digest = hmac.digest(SECRET.encode(), signed.encode(), sha256)
        query = parse_qs(parts.query)
        is_now = query["timestamp"] == [str(int(NOW.timestamp()))]
        if request.headers.get("signature") != b64encode(digest).decode() or not is_now:
            return http_answer({"detail": "Unable to verify signature", "code": "1076"}, 401)
        if not parts.path.startswith(self.prefix):
            return http_answer({"detail": "Not found"}, 404)
        name = parts.path.removeprefix(self.prefix)
        end = name.removeprefix(f"accounts/{ONE}").removeprefix(f"accounts/{TWO}")
        as_of = {"as_of": "2026-11-22T12:00:00Z"}
        told: dict[str, object] = {
            "accounts": self.accounts,
            "authorizations": self.connections,
            "/positions/all": {"results": self.positions, "data_freshness": as_of},
            "/balances": self.balances,
        }
        status, body, *headers = (
            self.answers.get(name)
            or self.answers.get(end)
            or ((200, told[end]) if end in told else (404, {"detail": "Not found"}))
        )
        return http_answer(body if isinstance(body, bytes) else json.dumps(body), status, *headers)

    def paths(self) -> list[str]:
        return [request.path.removeprefix(self.prefix) for request in self.server.requests]


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def fetch(service: Service, http: Http, **given: str) -> Report:
    stored = KEPT | {"base_url": service.server.url()} | given
    report = SnapTrade().fetch(stored, http, now=NOW, backfill=True)
    assert list(report_faults(report, NOW)) == []
    assert SECRET not in repr(report)
    return report


def fetch_account(service: Service, http: Http, **changes: Any) -> AccountReport:  # noqa: ANN401 - JSON
    service.accounts = [ACCOUNT | changes]
    (account,) = fetch(service, http).accounts
    return account


def values(account: AccountReport) -> list[tuple[str, str, str]]:
    assert account.positions is not None
    return [
        (held.symbol, str(held.market_value), str(held.cost_basis)) for held in account.positions
    ]


def test_an_account_is_read_as_of_its_daily_sync(service: Service, http: Http) -> None:
    account = fetch_account(service, http)
    assert account.current is not None
    told = account.current
    assert (str(told.balance), str(told.cash_value), str(told.holdings_value)) == (
        "15363.23", "14067.005", "1296.225",
    )  # fmt: skip
    assert told.as_of == datetime(2026, 11, 21, 18, 42, 46, 561408, tzinfo=UTC)
    identity = account.identity
    assert (identity.external_id, identity.institution, identity.number_masked) == (
        ONE, "Alder Invest", "••••8443",
    )  # fmt: skip
    assert (identity.account_type, identity.balance_sign) == ("brokerage", 1)
    assert account.positions is not None
    assert account.positions[0].as_of == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert account.problems == ()
    assert service.paths() == [
        "accounts", "authorizations", f"accounts/{ONE}/positions/all", f"accounts/{ONE}/balances",
    ]  # fmt: skip


def test_an_account_in_real_time_is_asked_for_again(service: Service, http: Http) -> None:
    service.connections = [CONNECTION | {"data_freshness_mode": "realtime"}]
    newer = {"balance": {"total": {"amount": "16000.5", "currency": "USD"}}}
    service.answers[f"accounts/{ONE}"] = (200, ACCOUNT | newer)
    old = {"holdings": SYNCED | {"last_successful_sync": "2026-11-01T00:00:00Z"}}
    account = fetch_account(service, http, sync_status=old)
    assert account.current is not None
    assert (str(account.current.balance), account.current.as_of) == ("16000.5", None)
    # Where that fails, the balance is the one of the list.
    service.answers[f"accounts/{ONE}"] = (503, {"detail": "busy"})
    account = fetch_account(service, http)
    assert account.current is not None
    assert str(account.current.balance) == "15363.23"
    assert account.current.as_of is not None


def test_an_address_with_the_deprecated_prefix_is_found(service: Service, http: Http) -> None:
    service.prefix = "/api/v1/"
    assert fetch(service, http).accounts[0].problems == ()
    assert fetch(service, http, base_url=service.server.url("/api/v1")).accounts[0].problems == ()
    service.prefix = "/elsewhere/"
    with pytest.raises(ProviderFailed):
        fetch(service, http)


def test_a_commercial_key_names_its_user(service: Service, http: Http) -> None:
    user = {"user_id": "ada@x y/+", "user_secret": "s&cret"}
    assert fetch(service, http, **user).accounts
    query = parse_qs(urlsplit(service.server.requests[-1].target).query)
    assert (query["userId"], query["userSecret"]) == (["ada@x y/+"], ["s&cret"])
    with pytest.raises(CredentialsRefused, match="both or none"):
        fetch(service, http, user_id="ada")


def test_a_value_is_of_all_units(service: Service, http: Http) -> None:
    service.positions = [
        position("VFIAX", "2", "50.50", kind="mutualfund"),
        position("SHORT", "-3", "10"),
        position("AAPL 261218C", "1", "2.5", kind="option", cost_basis=None),
        position("ES", "1", "5000", kind="future"),
        position("TINY", "0.1234567891", "0.1234567891", kind="crypto"),
        position("NONE", "4", None),
        # It is a part of the cash.
        position("SPAXX", "300", "1", kind="mutualfund", cash_equivalent=True),
    ]
    account = fetch_account(service, http)
    assert values(account) == [
        ("VFIAX", "101", "200"), ("SHORT", "-30", "-300"), ("AAPL 261218C", "250", "None"),
        ("ES", "None", "None"), ("TINY", "None", "12.34567891"), ("NONE", "None", "400"),
    ]  # fmt: skip
    assert account.current is not None
    assert account.current.holdings_value is None


def test_cash_in_several_currencies_is_no_sum(service: Service, http: Http) -> None:
    for balances, expected in (
        ([cash(1.5), cash(0, "CAD")], "1.5"), ([cash(1.5), cash(2, "CAD")], "None"),
        ([cash(None)], "None"), ([], "None"), ([cash(2, "CAD")], "None"),
    ):  # fmt: skip
        service.balances = balances
        account = fetch_account(service, http)
        assert account.current is not None
        assert str(account.current.cash_value) == expected


@pytest.mark.parametrize("total", [None, "", "NaN", [], True])
def test_a_missing_total_is_no_balance(service: Service, http: Http, total: object) -> None:
    balance = {"total": {"amount": total, "currency": "USD"}}
    account = fetch_account(service, http, balance=balance)
    assert account.current is None
    assert len(account.problems) == 1
    service.accounts = [ACCOUNT | {"balance": {"total": None}}]
    report = fetch(service, http)
    assert report.accounts == []
    assert "no currency" in report.warnings[0]


def test_what_the_broker_does_not_tell_any_more_is_an_outage(service: Service, http: Http) -> None:
    unread = {"holdings": {"initial_sync_completed": False, "last_successful_sync": None}}
    old = {"holdings": SYNCED | {"last_successful_sync": "2026-11-16T12:00:00Z"}}
    cases: list[tuple[dict[str, Any], bool, str]] = [
        ({}, True, "sign_in_needed"), ({"sync_status": unread}, False, "account_failed"),
        ({"status": "unavailable"}, False, "account_failed"),
        ({"sync_status": old}, False, "stale"),
    ]  # fmt: skip
    for changes, is_disabled, code in cases:
        service.connections = [CONNECTION | {"disabled": is_disabled}]
        service.accounts = [ACCOUNT | changes]
        report = fetch(service, http)
        outage = report.accounts[0].outage
        assert outage is not None
        assert outage.code == code
        assert report.attention == (outage.detail,)
        assert report.accounts[0].positions is None


def test_holdings_that_are_unavailable_are_not_empty(service: Service, http: Http) -> None:
    service.positions = []
    status = {"holdings": SYNCED | {"holdings_unavailable": True}}
    account = fetch_account(service, http, sync_status=status)
    assert account.current is not None
    assert (account.positions, account.current.cash_value) == (None, None)
    assert fetch_account(service, http).positions == ()


def test_the_institutions_id_outlives_a_connection(service: Service, http: Http) -> None:
    account = fetch_account(service, http, institution_account_id="54953432")
    assert (account.identity.external_id, account.predecessor) == ("54953432", ONE)
    # The same account, connected twice: the connection that works counts.
    twin = ACCOUNT | {"id": TWO, "brokerage_authorization": "auth-2"}
    service.connections = [CONNECTION | {"disabled": True}, CONNECTION | {"id": "auth-2"}]
    service.accounts = [one | {"institution_account_id": "54953432"} for one in (ACCOUNT, twin)]
    report = fetch(service, http)
    assert [(one.predecessor, one.outage) for one in report.accounts] == [(TWO, None)]
    assert "twice" in report.warnings[0]


def test_types_names_and_signs(service: Service, http: Http) -> None:
    for changes, kind, sign in (
        ({"raw_type": "ROTH_IRA"}, "roth_ira", 1), ({"raw_type": None}, "brokerage", 1),
        ({"account_category": "DEPOSIT", "name": "Spending"}, "checking", 1),
        ({"account_category": "LOC", "name": "Credit"}, "line_of_credit", -1),
    ):  # fmt: skip
        account = fetch_account(service, http, **changes)
        assert (account.identity.account_type, account.identity.balance_sign) == (kind, sign)
    assert fetch_account(service, http, is_paper=True).identity.name == "Alder Individual (paper)"


def test_holdings_that_cannot_be_read_cost_no_balance(service: Service, http: Http) -> None:
    for path, told, codes in (
        ("/positions/all", (403, {"detail": SECRET}), ["no_holdings"]),
        ("/positions/all", (429, {}), ["no_holdings"]),
        ("/positions/all", (200, []), ["no_holdings"]),
        ("/positions/all", (200, {"results": [position("A", None, "1")]}), ["invalid_amount"]),
        ("/balances", (500, {}), ["no_holdings"]),
        ("/balances", (200, [cash("NaN")]), ["invalid_amount"]),
    ):
        service.answers = {path: told}
        account = fetch_account(service, http)
        assert account.current is not None
        assert [one.code for one in account.problems] == codes
    service.answers = {"authorizations": (500, {})}
    assert fetch_account(service, http).current is not None


def test_one_unusable_account_costs_no_other(service: Service, http: Http) -> None:
    wrong: list[dict[str, Any]] = [
        {"id": "../x"}, {"id": TWO, "balance": {"total": {"amount": 1, "currency": "BTC"}}},
    ]  # fmt: skip
    service.accounts = [*(ACCOUNT | {"name": "Odd"} | change for change in wrong), ACCOUNT, None]
    report = fetch(service, http)
    assert [one.identity.external_id for one in report.accounts] == [ONE]
    assert [warning.startswith("Odd: ") for warning in report.warnings] == [True, True]


def test_a_limit_tells_its_end(service: Service, http: Http) -> None:
    limits = (("X-RateLimit-Reset", "12"), ("X-RateLimit-Account-Reset", "40"))
    service.answers["accounts"] = (429, {"detail": "Request was throttled."}, *limits)
    with pytest.raises(ProviderRateLimited) as caught:
        fetch(service, http)
    assert caught.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(401, {"detail": SECRET}, CredentialsRefused), (403, {}, CredentialsRefused),
     (500, {}, ProviderFailed), (200, {}, ProviderFailed), (200, b"<html>", ProviderFailed)],
)  # fmt: skip
def test_each_error_says_so_and_shows_no_key(
    service: Service, http: Http, status: int, body: object, error: type[ProviderError]
) -> None:
    service.answers["accounts"] = (status, body)
    with pytest.raises(error) as caught:
        fetch(service, http)
    assert SECRET not in str(caught.value)


def test_a_wrong_key_is_refused(service: Service, http: Http) -> None:
    with pytest.raises(CredentialsRefused):
        fetch(service, http, consumer_key="wrong")
