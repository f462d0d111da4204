import asyncio
import io
import logging
from base64 import b64encode
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from simplefin4py import SimpleFin as Oracle
from simplefin4py.model import FinancialData

from dashtam.application.provider import (
    CredentialsRefused,
    Http,
    ProviderError,
    ProviderFailed,
    ProviderRateLimited,
    Report,
)
from dashtam.domain.account import AccountType
from dashtam.providers.conformance import RETURN_TO, report_faults
from dashtam.providers.http_client import Outbound
from dashtam.providers.simplefin import SimpleFin
from providers.provider_server import ProviderServer, answer_always, http_answer
from providers.simplefin_server import (
    FORBIDDEN_PAGE,
    PASSWORD,
    SimpleFinServer,
    account,
    account_set,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVIDER = SimpleFin()


@pytest.fixture
def simplefin(server: ProviderServer) -> SimpleFinServer:
    return SimpleFinServer(server, account_set(account()))


def fetch_report(
    simplefin: SimpleFinServer, http: Http, *accounts: dict[str, object], **more: object
) -> Report:
    if accounts or more:
        simplefin.accounts = account_set(*accounts, **more)
    report = PROVIDER.fetch(simplefin.kept, http, now=NOW, backfill=False)
    assert list(report_faults(report, NOW)) == []
    assert PASSWORD not in repr(report)
    return report


def fetch_error(simplefin: SimpleFinServer, http: Http) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        PROVIDER.fetch(simplefin.kept, http, now=NOW, backfill=True)
    assert PASSWORD not in str(caught.value)
    assert "<" not in str(caught.value)
    return caught.value


def test_a_setup_token_is_claimed_by_an_empty_post(simplefin: SimpleFinServer, http: Http) -> None:
    kept = PROVIDER.begin({"setup_token": f" {simplefin.token}\n"}, RETURN_TO, http, now=NOW)
    assert kept == simplefin.kept
    (request,) = simplefin.server.requests
    assert (request.method, request.path, request.body) == ("POST", "/simplefin/claim/DEMO", b"")
    assert request.headers["content-length"] == "0"


def test_a_token_claimed_twice_may_be_compromised(simplefin: SimpleFinServer, http: Http) -> None:
    PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)
    with pytest.raises(CredentialsRefused, match="compromised"):
        PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)
    assert simplefin.claimed == 2


def test_a_token_of_an_address_without_encryption_says_so(
    simplefin: SimpleFinServer, http: Http
) -> None:
    token = b64encode(b"http://bridge.lan/claim/DEMO").decode()
    with pytest.raises(CredentialsRefused, match="over https alone"):
        PROVIDER.begin({"setup_token": token}, RETURN_TO, http, now=NOW)
    assert simplefin.server.requests == []


def test_a_failed_claim_is_not_retried(simplefin: SimpleFinServer, http: Http) -> None:
    for status in (500, 502, 503, 429):
        simplefin.server.requests.clear()
        simplefin.server.script = answer_always("", status)
        with pytest.raises(ProviderFailed):
            PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)
        assert len(simplefin.server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", FORBIDDEN_PAGE.encode(), b"http://user:pass@bank.example/x",
        b"https://bank.example/simplefin", b"https://user@bank.example/x", b"https://u:p@/x",
        b"https://u:p@a@b.example/x", b"https://u:p@bank.example/x y", b"https://u:p@h/\xff",
        b"https://u:p@bank.example/x?y=1", b"https://u:p@bank.example/" + b"x" * 3000,
        b"https://u:p@one.example/\nhttps://u:p@two.example/", b"ftp://u:p@bank.example/",
    ],
)  # fmt: skip
def test_a_claim_without_an_access_address_is_a_failure(
    simplefin: SimpleFinServer, http: Http, body: bytes
) -> None:
    simplefin.server.script = lambda _: http_answer(body)
    with pytest.raises(ProviderFailed, match="did not hand out"):
        PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)


def test_a_redirect_of_the_claim_is_not_followed(simplefin: SimpleFinServer, http: Http) -> None:
    simplefin.server.script = lambda _: http_answer(
        "", 307, ("Location", simplefin.server.url("/elsewhere"))
    )
    with pytest.raises(ProviderFailed, match="another address"):
        PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)
    assert len(simplefin.server.requests) == 1


def test_an_access_address_can_be_given_as_it_is(simplefin: SimpleFinServer, http: Http) -> None:
    assert (
        PROVIDER.begin({"setup_token": simplefin.access_url}, RETURN_TO, http, now=NOW)
        == simplefin.kept
    )
    assert not simplefin.server.requests


def test_a_token_without_padding_is_one_too(simplefin: SimpleFinServer, http: Http) -> None:
    url = simplefin.server.url("/claim/aa?b")
    token = b64encode(url.encode(), altchars=b"-_").decode().rstrip("=")
    PROVIDER.begin({"setup_token": token}, RETURN_TO, http, now=NOW)
    assert simplefin.server.requests[0].target == "/claim/aa?b"


def test_balances_keep_their_digits_and_instants(simplefin: SimpleFinServer, http: Http) -> None:
    (result,) = fetch_report(simplefin, http).accounts
    assert result.current is not None
    assert result.current.balance == Decimal("1234.50")
    assert str(result.current.balance) == "1234.50"
    assert result.current.available_balance == Decimal("1200.00")
    assert result.current.captured_at == NOW
    assert result.current.as_of == datetime.fromtimestamp(1795300000, UTC)
    assert (result.identity.external_id, result.identity.institution) == (
        "ACT-1",
        "Alder Creek Bank",
    )
    assert result.identity.account_type is AccountType.CHECKING
    assert (result.positions, result.problems, result.history) == ((), (), ())
    (request,) = simplefin.server.requests
    # A day of transactions, for holdings may be left out with them by balances-only.
    since = int((NOW - timedelta(days=1)).timestamp())
    assert request.target == f"/simplefin/accounts?version=2&start-date={since}"
    assert PASSWORD not in request.target


def test_credentials_are_unquoted_before_they_are_sent(
    simplefin: SimpleFinServer, http: Http
) -> None:
    quoted = simplefin.access_url.replace("planted", "%70lanted")
    assert PROVIDER.fetch({"access_url": quoted}, http, now=NOW, backfill=False).accounts


def test_the_second_version_is_read(simplefin: SimpleFinServer, http: Http) -> None:
    connection = {
        "conn_id": "CON-1", "name": "My Bank - Jo", "org_id": "INST-9", "org_name": "My Bank",
        "org_url": "https://my.example", "sfin_url": "https://bridge.example",
    }  # fmt: skip
    simplefin.accounts = {
        "errlist": [
            {"code": "con.auth", "msg": "Sign in again", "conn_id": "CON-1"},
            {"code": "gen.new-one", "message": "Something <b>else</b>"},
            {"code": "act.failed", "account_id": "ACT-1"},
        ],
        "connections": [connection],
        "accounts": [account(org=..., conn_id="CON-1") | {"conn_id": "CON-1"}],
    }
    report = fetch_report(simplefin, http)
    assert report.accounts[0].identity.institution == "My Bank"
    assert report.accounts[0].identity.institution_key == "CON-1"
    assert report.warnings == (
        "My Bank - Jo: Sign in again", "Something else", "act.failed",
    )  # fmt: skip


def test_warnings_of_the_first_version_are_redacted(simplefin: SimpleFinServer, http: Http) -> None:
    said_there = f"<a href='javascript:x'>You</a> https://user:{PASSWORD}@h/ {PASSWORD} must act"
    report = fetch_report(simplefin, http, account(), errors=[said_there, 7, None, "", said_there])
    assert report.warnings == ("You … … must act", "7")
    assert len(report.accounts) == 1


def test_a_negative_card_balance_keeps_its_sign(simplefin: SimpleFinServer, http: Http) -> None:
    (result,) = fetch_report(
        simplefin, http, account(name="Costco Visa Card", balance="-532.69")
    ).accounts
    assert result.current is not None
    assert (result.current.balance, result.identity.balance_sign) == (Decimal("-532.69"), None)
    assert result.identity.account_type is AccountType.CREDIT_CARD


def holding(**changes: object) -> dict[str, object]:
    return {
        "id": "HOL-1", "created": 1705413320, "currency": "", "cost_basis": "10000.00",
        "description": "Growth Fund K6", "market_value": "15000.00", "purchase_price": "0.00",
        "shares": "200.00", "symbol": "FGKFX",
    } | changes  # fmt: skip


def test_holdings_are_positions(simplefin: SimpleFinServer, http: Http) -> None:
    held = [holding(), holding(symbol="B", market_value="0.50", currency="USD")]
    (result,) = fetch_report(simplefin, http, account(name="Dr Evil", holdings=held)).accounts
    assert result.positions is not None
    assert [(one.symbol, one.quantity, one.market_value, one.cost_basis, one.currency.code)
            for one in result.positions] == [
        ("FGKFX", Decimal("200.00"), Decimal("15000.00"), Decimal("10000.00"), "USD"),
        ("B", Decimal("200.00"), Decimal("0.50"), Decimal("10000.00"), "USD"),
    ]  # fmt: skip
    assert result.current is not None
    assert result.current.holdings_value == Decimal("15000.50")
    assert result.identity.account_type is AccountType.BROKERAGE


@pytest.mark.parametrize("spoilt", [{"market_value": "NaN"}, {"shares": "1E400"}, {"shares": None}])
def test_one_unusable_position_leaves_out_all(
    simplefin: SimpleFinServer, http: Http, spoilt: dict[str, object]
) -> None:
    (result,) = fetch_report(
        simplefin, http, account(holdings=[holding(), holding(**spoilt)])
    ).accounts
    assert result.positions is None
    assert result.current is not None
    assert result.current.holdings_value is None
    assert [problem.code for problem in result.problems] == ["invalid_amount"]


def test_positions_in_another_currency_are_not_added_up(
    simplefin: SimpleFinServer, http: Http
) -> None:
    (result,) = fetch_report(simplefin, http, account(holdings=[holding(currency="EUR")])).accounts
    assert result.current is not None
    assert result.current.holdings_value is None


@pytest.mark.parametrize("balance", [None, "", ...])
def test_a_missing_balance_is_a_problem(
    simplefin: SimpleFinServer, http: Http, balance: object
) -> None:
    (result,) = fetch_report(simplefin, http, account(balance=balance)).accounts
    assert result.current is None
    assert [problem.code for problem in result.problems] == ["missing_balance"]


@pytest.mark.parametrize(
    "balance",
    ["NaN", "Infinity", "-Infinity", "1E400", "1e5", "1_000", "1,000.00", "\uff11\uff12", "\u0661",
     "$5", "+5", "--5", "0x10", "5.", ".5", "1" * 21, "0." + "1" * 19,
     "5 USD", [], {}, True, False],
)  # fmt: skip
def test_an_invalid_amount_is_a_problem_with_the_name_of_its_field(
    simplefin: SimpleFinServer, http: Http, balance: object
) -> None:
    report = fetch_report(simplefin, http, account(balance=balance), account(id="ACT-2"))
    result, other = report.accounts
    assert result.current is None
    assert [problem.code for problem in result.problems] == ["invalid_amount"]
    assert "balance" in result.problems[0].detail
    assert other.current is not None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E400", "-1e999999", "1.0E2"])
def test_invalid_numbers_are_no_balance(
    simplefin: SimpleFinServer, http: Http, number: str
) -> None:
    simplefin.accounts = b'{"accounts": [{"id": "A", "currency": "USD", "balance": %s}]}' % (
        number.encode()
    )
    (result,) = fetch_report(simplefin, http).accounts
    assert result.current is None


def test_a_number_keeps_its_digits(simplefin: SimpleFinServer, http: Http) -> None:
    number = b"12345678901234567890.100000000000"
    simplefin.accounts = b'{"accounts": [{"id": 7, "currency": "USD", "balance": %s}]}' % number
    (result,) = fetch_report(simplefin, http).accounts
    assert result.current is not None
    assert str(result.current.balance) == "12345678901234567890.100000000000"
    assert result.identity.external_id == "7"


def test_two_currencies_of_one_account_are_two_accounts(
    simplefin: SimpleFinServer, http: Http
) -> None:
    report = fetch_report(simplefin, http, account(), account(currency="EUR", balance="1"))
    assert [result.identity.currency.code for result in report.accounts] == ["USD", "EUR"]


def test_a_custom_currency_is_never_looked_up(simplefin: SimpleFinServer, http: Http) -> None:
    url = simplefin.server.url("/miles")
    report = fetch_report(simplefin, http, account(currency=url, name="Miles"), account(id="ACT-2"))
    assert [result.identity.external_id for result in report.accounts] == ["ACT-2"]
    assert report.warnings == ("Miles: its currency is not money of ISO 4217, so it is left out.",)
    assert len(simplefin.server.requests) == 1


@pytest.mark.parametrize("currency", ["", "XXX", "US", "usd€", None, 840, ...])
def test_an_account_with_an_unknown_currency_is_left_out(
    simplefin: SimpleFinServer, http: Http, currency: object
) -> None:
    report = fetch_report(simplefin, http, account(currency=currency), account(id="ACT-2"))
    assert [result.identity.external_id for result in report.accounts] == ["ACT-2"]
    assert len(report.warnings) == 1


@pytest.mark.parametrize("external_id", ["", None, ..., "a" * 201, "a\x00b", "a\ud800", [], {}])
def test_an_account_without_an_id_is_left_out(
    simplefin: SimpleFinServer, http: Http, external_id: object
) -> None:
    report = fetch_report(simplefin, http, account(id=external_id), account())
    assert len(report.accounts) == 1
    assert len(report.warnings) == 1


@pytest.mark.parametrize("at", [0, -5, None, "soon", 99999999999999, 1795300000 + 10**7, 1.5])
def test_an_invalid_date_is_left_out(simplefin: SimpleFinServer, http: Http, at: object) -> None:
    (result,) = fetch_report(simplefin, http, account(balance_date=at)).accounts
    assert result.current is not None
    assert result.current.as_of is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "word"),
    [
        (402, '{"errors":["Payment required."],"accounts":[]}', ProviderFailed, "payment"),
        (403, FORBIDDEN_PAGE, CredentialsRefused, "setup token"),
        (401, "", CredentialsRefused, "credentials"),
        (429, "", ProviderRateLimited, "pause"),
        (500, FORBIDDEN_PAGE, ProviderFailed, "500"),
        (503, "", ProviderFailed, "503"),
        (404, "", ProviderFailed, "404"),
        (200, FORBIDDEN_PAGE, ProviderFailed, "understands"),
        (200, "", ProviderFailed, "understands"),
        (200, "[]", ProviderFailed, "understands"),
        (200, '{"accounts": {}}', ProviderFailed, "understands"),
        (200, '{"accounts": [], "accounts": []}', ProviderFailed, "understands"),
        (200, '{"accounts": [', ProviderFailed, "understands"),
        (200, "[" * 200_000, ProviderFailed, "understands"),
        (204, "", ProviderFailed, "understands"),
    ],
)
def test_errors_are_of_their_kind(
    simplefin: SimpleFinServer,
    http: Http,
    status: int,
    body: str,
    kind: type[ProviderError],
    word: str,
) -> None:
    simplefin.server.script = lambda _: http_answer(body.replace("Payment", PASSWORD), status)
    error = fetch_error(simplefin, http)
    assert type(error) is kind
    assert word in str(error)


def test_a_rate_limit_has_the_time_of_retry_after(simplefin: SimpleFinServer, http: Http) -> None:
    for text, expected in (("3600", timedelta(hours=1)), ("soon", None)):
        simplefin.server.script = answer_always("", 429, ("Retry-After", text))
        error = fetch_error(simplefin, http)
        assert isinstance(error, ProviderRateLimited)
        assert error.retry_after == expected


def test_nothing_is_logged(
    simplefin: SimpleFinServer,
    http: Http,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    PROVIDER.begin({"setup_token": simplefin.token}, RETURN_TO, http, now=NOW)
    fetch_report(simplefin, http)
    simplefin.server.script = lambda _: ()
    fetch_error(simplefin, http)
    written = capfd.readouterr()
    assert (caplog.text, written.out, written.err) == ("", "", "")


async def oracle(simplefin: SimpleFinServer) -> FinancialData:
    access_url = await Oracle.claim_setup_token(simplefin.token, verify_ssl=False)
    client = Oracle(access_url, verify_ssl=False)
    # It hands the library a text where today's wants credentials; the address holds them anyway.
    client.auth = None
    with redirect_stdout(io.StringIO()):
        return await client.fetch_data()


# How the other client hands over its credentials is about to change.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_independent_client_reads_the_same(
    simplefin: SimpleFinServer, outbound: Outbound
) -> None:
    simplefin.accounts = account_set(
        account(),
        account(id="ACT-2", name="Alder Visa", balance="-532.69", currency="EUR"),
        account(id="ACT-3", name="Castle Mortgage", balance="7500.00", available_balance="0"),
        errors=["Connection to Investments may need attention"],
    )
    theirs = asyncio.run(oracle(simplefin))
    ours = fetch_report(simplefin, outbound.client())
    assert list(ours.warnings) == theirs.errors
    assert [
        (result.identity.external_id, result.identity.name, result.identity.institution,
         result.identity.currency.code, str(result.current.balance),
         str(result.current.available_balance), result.current.as_of)
        for result in ours.accounts if result.current
    ] == [
        (one.id, one.name, one.org.name, one.currency, one.balance, one.available_balance,
         one.balance_date)
        for one in theirs.accounts
    ]  # fmt: skip
