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
from dashtam.providers.conformance import report_faults
from dashtam.providers.ibkr_flex import IbkrFlex
from providers.flex import KEPT, TOKEN, Flex, failure, position, statement, success, value
from providers.stub import Stub

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def provider(stub: Stub, paused: list[float] | None = None) -> IbkrFlex:
    return IbkrFlex(stub.url("/flex"), (paused if paused is not None else []).append)


def fetched(stub: Stub, http: Http, *answers: str, backfill: bool = False) -> Report:
    Flex(stub, list(answers))
    report = provider(stub).fetch(KEPT, http, now=NOW, backfill=backfill)
    assert list(report_faults(report, NOW)) == []
    assert TOKEN not in repr(report)
    return report


def only(report: Report) -> AccountReport:
    (account,) = report.accounts
    return account


def refused(stub: Stub, http: Http, flex: Flex) -> ProviderError:
    assert flex.stub is stub
    with pytest.raises(ProviderError) as caught:
        provider(stub).fetch(KEPT, http, now=NOW, backfill=True)
    assert TOKEN not in str(caught.value)
    assert "<" not in str(caught.value)
    return caught.value


def noon(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def test_the_newest_total_is_the_balance(stub: Stub, http: Http) -> None:
    told = only(fetched(stub, http, statement(value("20261119", "9.75"), value("20261120", "10"))))
    assert told.current is not None
    assert (told.current.balance, told.current.as_of) == (Decimal(10), noon(20))
    assert told.current.captured_at == NOW
    # The parts beside the total leave out what some accounts have.
    assert told.current.cash_value is None
    assert told.history == []
    assert told.identity.external_id == "U1234567"
    assert told.identity.number_masked == "••••4567"
    assert told.identity.account_type is AccountType.BROKERAGE


def test_every_day_is_filled_back_at_its_own_instant(stub: Stub, http: Http) -> None:
    began = date(2025, 11, 21)
    days = [began + timedelta(days=number) for number in range(365)]
    rows = [value(f"{day:%Y%m%d}", f"{1000 + number}.10") for number, day in enumerate(days)]
    told = only(fetched(stub, http, statement(*rows), backfill=True))
    assert [reading.captured_at.date() for reading in told.history] == days
    assert {reading.captured_at.hour for reading in told.history} == {12}
    assert str(told.history[0].balance) == "1000.10"
    assert told.current is not None
    assert told.current.balance == Decimal("1364.10")


def test_dates_are_read_with_dashes_too(stub: Stub, http: Http) -> None:
    told = only(fetched(stub, http, statement(value("2026-11-20", "1")), backfill=True))
    assert told.history[0].captured_at == noon(20)


def test_the_summary_of_all_currencies_is_skipped(stub: Stub, http: Http) -> None:
    rows = (value("20261120", "1"), value("20261120", "99", "BASE_SUMMARY"))
    told = only(fetched(stub, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in told.history] == [Decimal(1)]


def test_a_row_without_a_currency_has_the_accounts(stub: Stub, http: Http) -> None:
    told = only(fetched(stub, http, statement(value("20261120", "1", ""), base="CHF")))
    assert told.identity.currency.code == "CHF"


def test_two_totals_for_one_day_are_not_believed(stub: Stub, http: Http) -> None:
    rows = (value("20261119", "5"), value("20261120", "1"), value("20261120", "2"))
    told = only(fetched(stub, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in told.history] == [Decimal(5)]
    assert [problem.code for problem in told.problems] == ["duplicate_day"]


@pytest.mark.parametrize("total", ["", "NaN", "1E400", "1,000", "Infinity", "1_0", "-"])
def test_what_is_no_total_is_no_balance(stub: Stub, http: Http, total: str) -> None:
    rows = (value("20261119", "5"), value("20261120", total))
    told = only(fetched(stub, http, statement(*rows), backfill=True))
    assert [reading.balance for reading in told.history] == [Decimal(5)]
    assert told.current is not None
    assert told.current.as_of == noon(19)
    assert len(told.problems) == 1


@pytest.mark.parametrize("day", ["20261131", "11/20/2026", "", "20271120", "18991231", "2026112"])
def test_what_is_no_day_is_left_out(stub: Stub, http: Http, day: str) -> None:
    told = only(fetched(stub, http, statement(value(day, "7")), backfill=True))
    assert told.current is None
    assert told.history == []


def test_a_query_that_ends_in_the_past_tells_no_balance_of_today(stub: Stub, http: Http) -> None:
    told = only(fetched(stub, http, statement(value("20261101", "7")), backfill=True))
    assert told.current is None
    assert len(told.history) == 1
    assert [problem.code for problem in told.problems] == ["stale_balance"]


def test_a_query_without_values_says_what_to_add(stub: Stub, http: Http) -> None:
    report = fetched(stub, http, statement(base=""))
    assert report.accounts == []
    assert "Net Asset Value" in report.warnings[0]


def test_positions_are_told(stub: Stub, http: Http) -> None:
    held = [position(), position(levelOfDetail="LOT"), position(symbol="BND", positionValue="0.5")]
    told = only(fetched(stub, http, statement(value("20261120", "2000"), positions=held)))
    assert told.positions is not None
    assert [(held.symbol, held.market_value) for held in told.positions] == [
        ("VT", Decimal(1205)), ("BND", Decimal("0.5")),
    ]  # fmt: skip
    assert told.positions[0].as_of == noon(20)
    assert told.current is not None
    assert told.current.holdings_value == Decimal("1205.5")


@pytest.mark.parametrize("changes", [{"position": "NaN"}, {"currency": "??"}, {"markPrice": "1e9"}])
def test_a_part_of_the_positions_is_not_taken_for_all(
    stub: Stub, http: Http, changes: dict[str, str]
) -> None:
    held = [position(), position(**changes)]
    told = only(fetched(stub, http, statement(value("20261120", "2000"), positions=held)))
    assert told.positions is None
    assert told.current is not None
    assert told.current.holdings_value is None


@pytest.mark.parametrize("code", [1004, 1009, 1019])
def test_a_statement_in_the_making_is_waited_for(stub: Stub, http: Http, code: int) -> None:
    Flex(stub, [failure(code), failure(code), statement(value("20261120", "1"))])
    paused: list[float] = []
    report = provider(stub, paused).fetch(KEPT, http, now=NOW, backfill=False)
    assert len(report.accounts) == 1
    assert paused == [2.0, 5.0]
    assert len(stub.asked) == 4


def test_a_statement_that_is_never_made_is_given_up(stub: Stub, http: Http) -> None:
    assert isinstance(refused(stub, http, Flex(stub, [failure(1019)])), ProviderFailed)
    assert len(stub.asked) == 6


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1012, CredentialsRefused), (1013, CredentialsRefused), (1014, CredentialsRefused),
        (1015, CredentialsRefused), (1018, ProviderRateLimited), (1001, ProviderFailed),
        (1003, ProviderFailed), (1021, ProviderFailed), (9999, ProviderFailed),
    ],
)  # fmt: skip
def test_codes_say_what_the_user_can_do(
    stub: Stub, http: Http, code: int, kind: type[ProviderError]
) -> None:
    echoed = f"&lt;b&gt;Your {TOKEN} at https://x.example/?t={TOKEN}"
    asked = Flex(stub, [statement()], asked_for=failure(code, echoed))
    assert type(refused(stub, http, asked)) is kind
    assert type(refused(stub, http, Flex(stub, [failure(code, echoed)]))) is kind


def test_the_token_goes_nowhere_else(stub: Stub, http: Http, reached: list[object]) -> None:
    flex = Flex(stub, [statement(value("20261120", "1"))])
    flex.asked_for = success(url="https://gdcdyn.elsewhere.example/GetStatement")
    provider(stub).fetch(KEPT, http, now=NOW, backfill=False)
    assert [asked.path for asked in stub.asked] == ["/flex/SendRequest", "/flex/GetStatement"]
    assert reached == [("127.0.0.1", stub.port)] * 2


ENTITIES = '<!DOCTYPE a [<!ENTITY b "c">]><FlexQueryResponse>&b;</FlexQueryResponse>'


@pytest.mark.parametrize(
    "answer",
    ["", "<html><body>Sorry</body></html>", "{}", "<FlexQueryResponse>", "<a", ENTITIES, "\0",
     "<?xml version='1.0' encoding='no-such'?><FlexQueryResponse/>", "<a>" * 100_000,
     "<FlexQueryResponse><FlexStatement/></FlexQueryResponse>" * 2],
)  # fmt: skip
def test_what_is_no_statement_is_a_failure(stub: Stub, http: Http, answer: str) -> None:
    assert isinstance(refused(stub, http, Flex(stub, [answer])), ProviderFailed)
    flex = Flex(stub, [statement()], asked_for=answer)
    assert isinstance(refused(stub, http, flex), ProviderFailed)


def test_an_independent_reader_understands_the_same(stub: Stub, http: Http) -> None:
    rows = [value(f"202611{day:02}", f"{day}00.25") for day in range(2, 21)]
    document = statement(*rows, positions=[position(), position(symbol="BND")])
    (theirs,) = parser.parse(document.encode()).FlexStatements
    ours = only(fetched(stub, http, document, backfill=True))
    assert [(reading.captured_at.date(), reading.balance) for reading in ours.history] == [
        (row.reportDate, row.total) for row in theirs.EquitySummaryInBase
    ]
    assert [
        (held.symbol, held.quantity, held.price, held.market_value, held.cost_basis)
        for held in ours.positions or ()
    ] == [
        (held.symbol, held.position, held.markPrice, held.positionValue, held.costBasisMoney)
        for held in theirs.OpenPositions
    ]
