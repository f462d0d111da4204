from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from ibflex import parser

from dashtam.application.provider import (
    AccountReport,
    CredentialsRefused,
    Http,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.domain.account import AccountType
from dashtam.domain.period import Precision
from dashtam.domain.statement import Reading
from dashtam.providers.conformance import report_faults
from dashtam.providers.ibkr_flex import IbkrFlex
from providers.flex_server import KEPT, TOKEN, Flex, failure, position, statement, success, value
from providers.provider_server import ProviderServer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def provider(server: ProviderServer, paused: list[float] | None = None) -> IbkrFlex:
    return IbkrFlex(server.url("/flex"), (paused if paused is not None else []).append)


def fetch_report(
    server: ProviderServer, http: Http, *answers: str, backfill: bool = False
) -> Report:
    Flex(server, list(answers))
    report = provider(server).fetch(KEPT, http, now=NOW, backfill=backfill)
    assert list(report_faults(report, NOW)) == []
    assert TOKEN not in repr(report)
    return report


def only(report: Report) -> AccountReport:
    (account,) = report.accounts
    return account


def readings(account: AccountReport) -> list[Reading]:
    """Return the readings of all days, the newest last."""
    return [*account.history, *([account.current] if account.current else [])]


def fetch_error(server: ProviderServer, http: Http, flex: Flex) -> ProviderError:
    assert flex.server is server
    with pytest.raises(ProviderError) as caught:
        provider(server).fetch(KEPT, http, now=NOW, backfill=True)
    assert TOKEN not in str(caught.value)
    assert "<" not in str(caught.value)
    return caught.value


def noon(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def test_the_newest_total_is_the_balance(server: ProviderServer, http: Http) -> None:
    result = only(
        fetch_report(server, http, statement(value("20261119", "9.75"), value("20261120", "10")))
    )
    assert result.current is not None
    assert (result.current.balance, result.current.captured_at) == (Decimal(10), noon(20))
    assert result.current.precision is Precision.DAY
    # The parts beside the total leave out assets of some accounts.
    assert result.current.cash_value is None
    assert [str(reading.balance) for reading in result.history] == ["9.75"]
    assert result.identity.external_id == "U1234567"
    assert result.identity.number_masked == "••••4567"
    assert result.identity.account_type is AccountType.BROKERAGE


def test_every_day_is_filled_back_at_its_own_instant(server: ProviderServer, http: Http) -> None:
    began = date(2025, 11, 21)
    days = [began + timedelta(days=number) for number in range(365)]
    rows = [value(f"{day:%Y%m%d}", f"{1000 + number}.10") for number, day in enumerate(days)]
    result = only(fetch_report(server, http, statement(*rows), backfill=True))
    assert [reading.captured_at.date() for reading in readings(result)] == days
    assert {reading.captured_at.hour for reading in readings(result)} == {12}
    assert str(result.history[0].balance) == "1000.10"
    assert result.current is not None
    assert result.current.balance == Decimal("1364.10")


def test_dates_are_read_with_dashes_too(server: ProviderServer, http: Http) -> None:
    result = only(fetch_report(server, http, statement(value("2026-11-20", "1")), backfill=True))
    assert readings(result)[0].captured_at == noon(20)


def test_the_summary_of_all_currencies_is_skipped(server: ProviderServer, http: Http) -> None:
    rows = (value("20261120", "1"), value("20261120", "99", "BASE_SUMMARY"))
    result = only(fetch_report(server, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in readings(result)] == [Decimal(1)]


def test_a_row_without_a_currency_has_the_accounts(server: ProviderServer, http: Http) -> None:
    result = only(fetch_report(server, http, statement(value("20261120", "1", ""), base="CHF")))
    assert result.identity.currency.code == "CHF"


def test_two_totals_of_one_day_are_both_left_out(server: ProviderServer, http: Http) -> None:
    rows = (value("20261119", "5"), value("20261120", "1"), value("20261120", "2"))
    result = only(fetch_report(server, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in readings(result)] == [Decimal(5)]
    assert [problem.code for problem in result.problems] == ["duplicate_day"]


@pytest.mark.parametrize("total", ["", "NaN", "1E400", "1,000", "Infinity", "1_0", "-"])
def test_an_invalid_total_is_no_balance(server: ProviderServer, http: Http, total: str) -> None:
    rows = (value("20261119", "5"), value("20261120", total))
    result = only(fetch_report(server, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in readings(result)] == [Decimal(5)]
    assert result.current is not None
    assert result.current.captured_at == noon(19)
    assert len(result.problems) == 1


@pytest.mark.parametrize("day", ["20261131", "11/20/2026", "", "20271120", "18991231", "2026112"])
def test_an_invalid_day_is_left_out(server: ProviderServer, http: Http, day: str) -> None:
    result = only(fetch_report(server, http, statement(value(day, "7")), backfill=True))
    assert result.current is None
    assert result.history == []


def test_a_query_that_ends_in_the_past_has_no_balance_of_today(
    server: ProviderServer, http: Http
) -> None:
    result = only(fetch_report(server, http, statement(value("20261101", "7")), backfill=True))
    assert result.current is None
    assert len(result.history) == 1
    assert [problem.code for problem in result.problems] == ["stale_balance"]


def test_a_query_without_values_names_the_missing_section(
    server: ProviderServer, http: Http
) -> None:
    report = fetch_report(server, http, statement(base=""))
    assert report.accounts == []
    assert "Net Asset Value" in report.warnings[0]


def test_positions_are_read(server: ProviderServer, http: Http) -> None:
    held = [position(), position(levelOfDetail="LOT"), position(symbol="BND", positionValue="0.5")]
    result = only(fetch_report(server, http, statement(value("20261120", "2000"), positions=held)))
    assert result.positions is not None
    assert [(held.symbol, held.market_value) for held in result.positions] == [
        ("VT", Decimal(1205)), ("BND", Decimal("0.5")),
    ]  # fmt: skip
    assert result.positions[0].as_of == noon(20)
    assert result.current is not None
    assert result.current.holdings_value == Decimal("1205.5")


@pytest.mark.parametrize("changes", [{"position": "NaN"}, {"currency": "??"}, {"markPrice": "1e9"}])
def test_one_unusable_position_leaves_out_all(
    server: ProviderServer, http: Http, changes: dict[str, str]
) -> None:
    held = [position(), position(**changes)]
    result = only(fetch_report(server, http, statement(value("20261120", "2000"), positions=held)))
    assert result.positions is None
    assert result.current is not None
    assert result.current.holdings_value is None


@pytest.mark.parametrize("code", [1004, 1009, 1019])
def test_a_statement_that_is_not_ready_is_requested_again(
    server: ProviderServer, http: Http, code: int
) -> None:
    Flex(server, [failure(code), failure(code), statement(value("20261120", "1"))])
    paused: list[float] = []
    report = provider(server, paused).fetch(KEPT, http, now=NOW, backfill=False)
    assert len(report.accounts) == 1
    assert paused == [2.0, 5.0]
    assert len(server.requests) == 4


def test_a_statement_that_is_never_ready_is_a_failure(server: ProviderServer, http: Http) -> None:
    assert isinstance(fetch_error(server, http, Flex(server, [failure(1019)])), ProviderFailed)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1012, CredentialsRefused), (1013, CredentialsRefused), (1014, CredentialsRefused),
        (1015, CredentialsRefused), (1018, ProviderRateLimited), (1001, ProviderFailed),
        (1003, ProviderFailed), (1021, ProviderFailed), (9999, ProviderFailed),
    ],
)  # fmt: skip
def test_error_codes_are_errors_of_their_kind(
    server: ProviderServer, http: Http, code: int, kind: type[ProviderError]
) -> None:
    echoed = f"&lt;b&gt;Your {TOKEN} at https://x.example/?t={TOKEN}"
    request = Flex(server, [statement()], send_answer=failure(code, echoed))
    assert type(fetch_error(server, http, request)) is kind
    assert type(fetch_error(server, http, Flex(server, [failure(code, echoed)]))) is kind


def test_the_token_goes_to_no_other_server(
    server: ProviderServer, http: Http, reached: list[object]
) -> None:
    flex = Flex(server, [statement(value("20261120", "1"))])
    flex.send_answer = success(url="https://gdcdyn.elsewhere.example/GetStatement")
    provider(server).fetch(KEPT, http, now=NOW, backfill=False)
    assert [request.path for request in server.requests] == [
        "/flex/SendRequest",
        "/flex/GetStatement",
    ]
    assert reached == [("127.0.0.1", server.port)] * 2


ENTITIES = '<!DOCTYPE a [<!ENTITY b "c">]><FlexQueryResponse>&b;</FlexQueryResponse>'


@pytest.mark.parametrize(
    "answer",
    ["", "<html><body>Sorry</body></html>", "{}", "<FlexQueryResponse>", "<a", ENTITIES, "\0",
     "<?xml version='1.0' encoding='no-such'?><FlexQueryResponse/>", "<a>" * 100_000,
     "<FlexQueryResponse><FlexStatement/></FlexQueryResponse>" * 2],
)  # fmt: skip
def test_an_invalid_statement_is_a_failure(server: ProviderServer, http: Http, answer: str) -> None:
    assert isinstance(fetch_error(server, http, Flex(server, [answer])), ProviderFailed)
    flex = Flex(server, [statement()], send_answer=answer)
    assert isinstance(fetch_error(server, http, flex), ProviderFailed)


def test_an_independent_reader_agrees(server: ProviderServer, http: Http) -> None:
    rows = [value(f"202611{day:02}", f"{day}00.25") for day in range(2, 21)]
    document = statement(*rows, positions=[position(), position(symbol="BND")])
    (theirs,) = parser.parse(document.encode()).FlexStatements
    ours = only(fetch_report(server, http, document, backfill=True))
    assert [(reading.captured_at.date(), reading.balance) for reading in readings(ours)] == [
        (row.reportDate, row.total) for row in theirs.EquitySummaryInBase
    ]
    assert [
        (held.symbol, held.quantity, held.price, held.market_value, held.cost_basis)
        for held in ours.positions or ()
    ] == [
        (held.symbol, held.position, held.markPrice, held.positionValue, held.costBasisMoney)
        for held in theirs.OpenPositions
    ]


def test_cash_transactions_and_transfers_are_flows(server: ProviderServer, http: Http) -> None:
    def row(tag: str, **more: str) -> str:
        fields = {"currency": "USD", "reportDate": "20261119"} | more
        attributes = " ".join(f'{name}="{text}"' for name, text in fields.items())
        return f"<{tag} {attributes} />"

    cash = (
        row("CashTransaction", type="Deposits/Withdrawals", amount="500", transactionID="1"),
        row("CashTransaction", type="Deposits/Withdrawals", amount="-20", transactionID="2"),
        row("CashTransaction", type="Dividends", amount="3.5", transactionID="3"),
        row("CashTransaction", type="Withholding Tax", amount="-0.5", transactionID="4"),
        row("CashTransaction", type="Broker Interest Paid", amount="-1", currency="EUR"),
        row("CashTransaction", type="Other Fees", amount="-2", reportDate="",
            dateTime="20261118;202000"),
        row("CashTransaction", type="Dividends", amount="3.5", levelOfDetail="SUMMARY"),
        row("CashTransaction", type="Dividends", amount="much"),
    )  # fmt: skip
    moved = (
        row("Transfer", direction="IN", positionAmount="900", cashTransfer="0"),
        row("Transfer", direction="OUT", positionAmount="0", cashTransfer="70"),
        row("Transfer", direction="IN", positionAmount="0", cashTransfer="0"),
    )
    flows = f"<CashTransactions>{''.join(cash)}</CashTransactions>"
    flows += f"<Transfers>{''.join(moved)}</Transfers>"
    result = only(fetch_report(server, http, statement(value("20261120", "10"), flows=flows)))
    assert [(flow.kind, str(flow.amount), flow.external_id) for flow in result.flows] == [
        ("deposit", "500", "1"), ("withdrawal", "-20", "2"), ("dividend", "3.5", "3"),
        ("other", "-0.5", "4"), ("interest", "-1", None), ("fee", "-2", None),
        ("transfer_in", "900", None), ("transfer_out", "-70", None),
    ]  # fmt: skip
    assert [flow.currency.code for flow in result.flows].count("EUR") == 1
    assert {str(flow.booked_on) for flow in result.flows} == {"2026-11-19", "2026-11-18"}
    assert [problem.code for problem in result.problems] == ["invalid_amount"]
