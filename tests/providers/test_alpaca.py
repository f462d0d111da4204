import json
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    Http,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
)
from dashtam.providers.alpaca import Alpaca
from dashtam.providers.conformance import RETURN_TO, report_faults
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SECRET = "planted-5ecret"  # noqa: S105 - nobody's
KEPT = {"key_id": "AKTEST", "secret_key": SECRET}
DAY = 86400
MIDNIGHT = int(datetime(2026, 11, 17, tzinfo=UTC).timestamp())

ACCOUNT = {
    "id": "e6fe16f3-64a4-4921-8928-cadf02f92f98", "account_number": "010203ABCD",
    "status": "ACTIVE", "currency": "USD", "cash": "-23140.2", "equity": "103820.56",
    "long_market_value": "126960.76", "short_market_value": "0",
    "created_at": "2026-11-10T22:47:07.99658Z",
}  # fmt: skip
HELD = {
    "asset_id": "904837e3-3b76-47ec-b432-046db621571b", "symbol": "AAPL", "exchange": "NASDAQ",
    "asset_class": "us_equity", "avg_entry_price": "100.0", "qty": "5", "side": "long",
    "market_value": "600.0", "cost_basis": "500.0", "unrealized_pl": "100.0",
    "unrealized_plpc": "0.20", "unrealized_intraday_pl": "10.0",
    "unrealized_intraday_plpc": "0.0084", "current_price": "120.0", "lastday_price": "119.0",
    "change_today": "0.0084",
}  # fmt: skip
HISTORY = {
    "timestamp": [MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY], "equity": [1.25, 2, 3.5],
    "profit_loss": [0, 0.75, 1.5], "profit_loss_pct": [0, 0.6, 0.75], "base_value": 1.25,
    "timeframe": "1D",
}  # fmt: skip


class Service:
    def __init__(self, server: ProviderServer) -> None:
        self.account: object = ACCOUNT
        self.positions: object = [HELD]
        self.history: object = HISTORY
        self.activities: object = []
        self.statuses: dict[str, int] = {}
        self.server = server
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        if request.headers.get("apca-api-secret-key") != SECRET:
            return http_answer({"message": f"forbidden {SECRET}"}, 403)
        name = request.path.removeprefix("/v2/")
        status = self.statuses.get(name, 200)
        results = {
            "account": self.account,
            "positions": self.positions,
            "account/activities": self.activities,
        }
        result = results.get(name, self.history)
        return http_answer(result if isinstance(result, bytes) else json.dumps(result), status)


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def fetch_report(service: Service, http: Http, *, backfill: bool = False) -> AccountReport:
    url = service.server.url()
    report = Alpaca(url, url + "/paper").fetch(KEPT, http, now=NOW, backfill=backfill)
    assert list(report_faults(report, NOW)) == []
    assert SECRET not in repr(report)
    (account,) = report.accounts
    return account


def fetch_error(service: Service, http: Http, *, backfill: bool = True) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch_report(service, http, backfill=backfill)
    assert SECRET not in str(caught.value)
    return caught.value


def history(result: AccountReport) -> list[tuple[str, str]]:
    return [(f"{one.captured_at:%Y-%m-%dT%H:%M}", str(one.balance)) for one in result.history]


def test_equity_cash_and_positions_are_read(service: Service, http: Http) -> None:
    result = fetch_report(service, http)
    assert result.current is not None
    assert result.current.balance == Decimal("103820.56")
    assert result.current.cash_value == Decimal("-23140.2")
    assert result.current.holdings_value == Decimal("600.0")
    assert (result.identity.external_id, result.identity.number_masked) == (
        ACCOUNT["id"],
        "••••ABCD",
    )
    assert result.positions is not None
    assert result.positions[0].symbol == "AAPL"
    paths = ["account", "positions", "account/activities", "account/portfolio/history"]
    assert [request.path for request in service.server.requests] == [f"/v2/{one}" for one in paths]


def activity(number: int, kind: str, amount: str, **more: str) -> dict[str, str]:
    fields = {"id": f"2026111{number}::{number}", "activity_type": kind, "net_amount": amount}
    return fields | {"date": f"2026-11-1{number}", "status": "executed"} | more


def test_activities_are_flows(service: Service, http: Http) -> None:
    service.activities = [
        activity(5, "CSD", "500"), activity(4, "CSW", "-20"), activity(3, "DIV", "1.5"),
        activity(2, "INT", "0.1"), activity(1, "FEE", "-2"), activity(1, "JNLC", "-3"),
        activity(1, "DIVNRA", "-0.3"), activity(1, "CSD", "9", status="canceled"),
        activity(1, "ACATS", "0"),
    ]  # fmt: skip
    result = fetch_report(service, http)
    assert [(flow.kind, str(flow.amount)) for flow in result.flows] == [
        ("deposit", "500"), ("withdrawal", "-20"), ("dividend", "1.5"), ("interest", "0.1"),
        ("fee", "-2"), ("transfer_out", "-3"), ("other", "-0.3"),
    ]  # fmt: skip
    assert (str(result.flows[0].booked_on), result.flows[0].external_id) == (
        "2026-11-15",
        "20261115::5",
    )
    assert result.problems == ()


def test_older_activities_are_fetched_page_by_page(service: Service, http: Http) -> None:
    page = [activity(5, "CSD", "1", id=str(number)) for number in range(100)]
    script = service.server.script

    def answer(request: ReceivedRequest) -> Iterable[bytes]:
        if "activities" not in request.path:
            return script(request)
        is_second = "page_token=99" in request.target
        return http_answer(json.dumps([activity(1, "CSD", "2")] if is_second else page))

    service.server.script = answer
    assert len(fetch_report(service, http, backfill=True).flows) == 101


@pytest.mark.parametrize("status", [200, 403, 429, 500])
def test_a_failing_request_of_activities_does_not_lose_the_balance(
    service: Service, http: Http, status: int
) -> None:
    service.activities = {"message": "none"}
    service.statuses["account/activities"] = status
    result = fetch_report(service, http)
    assert result.current is not None
    assert [problem.code for problem in result.problems] == ["no_activities"]


def test_an_activity_that_cannot_be_read_is_a_problem(service: Service, http: Http) -> None:
    service.activities = [activity(1, "CSD", "much"), activity(1, "CSD", "2", date="soon")]
    result = fetch_report(service, http)
    assert [problem.code for problem in result.problems] == ["invalid_amount", "invalid_date"]
    assert result.current is not None


def test_paper_keys_ask_the_paper_service(service: Service, http: Http) -> None:
    live = Alpaca("https://unused.example", service.server.url())
    assert live.fetch(KEPT | {"key_id": "PKTEST"}, http, now=NOW, backfill=False).accounts


def test_a_bar_of_the_next_midnight_is_the_day_before(service: Service, http: Http) -> None:
    assert history(fetch_report(service, http, backfill=True)) == [
        ("2026-11-16T12:00", "1.25"), ("2026-11-17T12:00", "2"), ("2026-11-18T12:00", "3.5"),
    ]  # fmt: skip
    request = parse_qs(urlsplit(service.server.requests[-1].target).query)
    assert request == {
        "timeframe": ["1D"], "start": ["2026-11-10T00:00:00Z"], "end": ["2026-11-22T12:30:00Z"],
    }  # fmt: skip


@pytest.mark.parametrize("hour", [0, 4, 5, 14, 20])
@pytest.mark.parametrize("scale", [1, 1000])
def test_a_bar_belongs_to_the_day_of_new_york(
    service: Service, http: Http, hour: int, scale: int
) -> None:
    stamp = MIDNIGHT + hour * 3600
    service.history = {"timestamp": [stamp * scale], "equity": [7]}
    day = 16 if hour <= 5 else 17
    assert history(fetch_report(service, http, backfill=True)) == [(f"2026-11-{day}T12:00", "7")]


def test_days_before_the_first_deposit_have_no_balance(service: Service, http: Http) -> None:
    stamps = [MIDNIGHT - DAY * number for number in range(7, 0, -1)]
    service.history = {"timestamp": stamps, "equity": [None, 0, 0.0, None, 5, None, 0]}
    assert [balance for _, balance in history(fetch_report(service, http, backfill=True))] == [
        "5",
        "0",
    ]


def test_the_history_leaves_out_today(service: Service, http: Http) -> None:
    tomorrow = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
    service.history = {"timestamp": [tomorrow - DAY, tomorrow], "equity": [1, 2]}
    assert history(fetch_report(service, http, backfill=True)) == [("2026-11-21T12:00", "1")]


def test_two_values_of_one_day_are_both_left_out(service: Service, http: Http) -> None:
    stamps = [MIDNIGHT, MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + DAY]
    service.history = {"timestamp": stamps, "equity": [1, 2, 3, 3]}
    assert [balance for _, balance in history(fetch_report(service, http, backfill=True))] == ["3"]


@pytest.mark.parametrize(
    "answer",
    [{}, [], None, {"timestamp": [1]}, {"timestamp": [1, 2], "equity": [1]}, b"null",
     {"timestamp": "x", "equity": "x"}],
)  # fmt: skip
def test_an_unusable_history_is_a_problem(service: Service, http: Http, answer: object) -> None:
    service.history = answer
    account = fetch_report(service, http, backfill=True)
    assert account.current is not None
    assert account.history == []
    assert [problem.code for problem in account.problems] == ["invalid_history"]


@pytest.mark.parametrize("equity", ["NaN", "Infinity", "1E400", '"1_000"', "[]", "{}", "true"])
def test_an_invalid_value_is_left_out(service: Service, http: Http, equity: str) -> None:
    service.history = (
        f'{{"timestamp": [{MIDNIGHT}, {MIDNIGHT + DAY}], "equity": [{equity}, 5]}}'.encode()
    )
    result = fetch_report(service, http, backfill=True)
    assert [balance for _, balance in history(result)] == ["5"]
    assert [problem.code for problem in result.problems] == ["invalid_history"]


def test_a_refused_history_costs_no_balance(service: Service, http: Http) -> None:
    service.statuses["account/portfolio/history"] = 422
    assert fetch_report(service, http, backfill=True).current is not None


@pytest.mark.parametrize("status", [429, 500])
def test_a_history_that_fails_later_costs_no_balance(
    service: Service, http: Http, status: int
) -> None:
    service.statuses["account/portfolio/history"] = status
    result = fetch_report(service, http)
    assert result.current is not None
    assert [problem.code for problem in result.problems] == ["no_history"]


@pytest.mark.parametrize(("opened", "start"), [("2020-01-02", "2025-11-22"), ("2026-11-10",) * 2])
def test_a_later_sync_asks_for_the_last_year(
    service: Service, http: Http, opened: str, start: str
) -> None:
    service.account = ACCOUNT | {"created_at": f"{opened}T22:47:07Z"}
    assert len(fetch_report(service, http).history) == 3
    query = parse_qs(urlsplit(service.server.requests[-1].target).query)
    assert query["start"] == [f"{start}T00:00:00Z"]


def test_a_bar_is_taken_once_its_day_has_ended_in_new_york(service: Service, http: Http) -> None:
    service.history = {"timestamp": [MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY], "equity": [1, 2]}
    provider = Alpaca(service.server.url())
    for hour, days in ((4, [21]), (5, [21, 22])):
        now = datetime(2026, 11, 23, hour, 30, tzinfo=UTC)
        (account,) = provider.fetch(KEPT, http, now=now, backfill=False).accounts
        assert [one.captured_at.day for one in account.history] == days


@pytest.mark.parametrize(("status", "kind"), [(429, ProviderRateLimited), (500, ProviderFailed)])
def test_a_history_that_fails_is_asked_again(
    service: Service, http: Http, status: int, kind: type[ProviderError]
) -> None:
    service.statuses["account/portfolio/history"] = status
    assert type(fetch_error(service, http)) is kind


@pytest.mark.parametrize("equity", [None, "", "NaN", "1E400", [], {}])
def test_an_invalid_equity_is_no_balance(service: Service, http: Http, equity: object) -> None:
    service.account = ACCOUNT | {"equity": equity}
    result = fetch_report(service, http)
    assert result.current is None
    assert len(result.problems) == 1


@pytest.mark.parametrize("account", [[], {}, ACCOUNT | {"currency": "?"}, ACCOUNT | {"id": "\0"}])
def test_an_invalid_account_is_a_failure(service: Service, http: Http, account: object) -> None:
    service.account = account
    assert isinstance(fetch_error(service, http), ProviderFailed)


@pytest.mark.parametrize("held", [[HELD, {}], [HELD, None], [HELD, HELD | {"qty": "NaN"}]])
def test_one_unusable_position_leaves_out_all(service: Service, http: Http, held: object) -> None:
    service.positions = held
    result = fetch_report(service, http)
    assert result.positions is None
    assert result.current is not None
    assert result.current.holdings_value is None


def test_an_empty_list_of_positions_has_no_value(service: Service, http: Http) -> None:
    service.positions = []
    result = fetch_report(service, http)
    assert result.positions == ()
    assert result.current is not None
    assert result.current.holdings_value is None


def test_wrong_keys_are_refused(service: Service, http: Http) -> None:
    with pytest.raises(CredentialsRefused):
        Alpaca(service.server.url()).fetch(
            KEPT | {"secret_key": "wrong"}, http, now=NOW, backfill=False
        )


def test_missing_keys_are_refused_before_the_first_request(service: Service, http: Http) -> None:
    for given in ({}, {"key_id": "AK"}, {"key_id": "AK", "secret_key": " "}, {"key_id": "a\nb"}):
        with pytest.raises(CredentialsRefused):
            Alpaca().begin(given, RETURN_TO, http, now=NOW)
    assert Alpaca().begin({"key_id": " AK ", "secret_key": "s"}, RETURN_TO, http, now=NOW) == {
        "key_id": "AK", "secret_key": "s",
    }  # fmt: skip
    assert not service.server.requests


def test_an_independent_client_reads_the_same(
    service: Service, http: Http, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        # It loads a part of websockets that is about to go, and that nothing here uses.
        warnings.simplefilter("ignore", DeprecationWarning)
        from alpaca.trading.client import TradingClient  # noqa: PLC0415 - it is slow to load
        from alpaca.trading.models import Position, TradeAccount  # noqa: PLC0415

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    client = TradingClient("AKTEST", SECRET, url_override=service.server.url())
    account, held, past = (
        client.get_account(), client.get_all_positions(), client.get_portfolio_history(),
    )  # fmt: skip
    assert isinstance(account, TradeAccount)
    result = fetch_report(service, http, backfill=True)
    assert result.current is not None
    assert account.equity is not None
    assert account.cash is not None
    assert (result.identity.external_id, result.current.balance, result.current.cash_value) == (
        str(account.id), Decimal(account.equity), Decimal(account.cash),
    )  # fmt: skip
    assert result.positions is not None
    for ours, theirs in zip(result.positions, held, strict=True):
        assert isinstance(theirs, Position)
        assert theirs.market_value is not None
        assert (ours.symbol, ours.quantity, ours.market_value, ours.cost_basis) == (
            theirs.symbol, Decimal(theirs.qty), Decimal(theirs.market_value),
            Decimal(theirs.cost_basis),
        )  # fmt: skip
    assert not isinstance(past, dict)
    assert [float(reading.balance) for reading in result.history] == past.equity
