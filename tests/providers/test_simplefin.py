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
from dashtam.providers.conformance import report_faults
from dashtam.providers.http_client import Outbound
from dashtam.providers.simplefin import SimpleFin
from providers.bridge import FORBIDDEN_PAGE, PASSWORD, Bridge, account, account_set
from providers.stub import Stub, always, said

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROVIDER = SimpleFin()


@pytest.fixture
def bridge(stub: Stub) -> Bridge:
    return Bridge(stub, account_set(account()))


def fetched(bridge: Bridge, http: Http, *accounts: dict[str, object], **more: object) -> Report:
    if accounts or more:
        bridge.accounts = account_set(*accounts, **more)
    report = PROVIDER.fetch(bridge.kept, http, now=NOW, backfill=False)
    assert list(report_faults(report, NOW)) == []
    assert PASSWORD not in repr(report)
    return report


def refused(bridge: Bridge, http: Http) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        PROVIDER.fetch(bridge.kept, http, now=NOW, backfill=True)
    assert PASSWORD not in str(caught.value)
    assert "<" not in str(caught.value)
    return caught.value


def test_a_setup_token_is_claimed_by_an_empty_post(bridge: Bridge, http: Http) -> None:
    kept = PROVIDER.connect({"setup_token": f" {bridge.token}\n"}, http)
    assert kept == bridge.kept
    (asked,) = bridge.stub.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/simplefin/claim/DEMO", b"")
    assert asked.headers["content-length"] == "0"


def test_a_token_claimed_twice_may_be_compromised(bridge: Bridge, http: Http) -> None:
    PROVIDER.connect({"setup_token": bridge.token}, http)
    with pytest.raises(CredentialsRefused, match="compromised"):
        PROVIDER.connect({"setup_token": bridge.token}, http)
    assert bridge.claimed == 2


def test_a_token_is_claimed_once_whatever_comes_back(bridge: Bridge, http: Http) -> None:
    for status in (500, 502, 503, 429):
        bridge.stub.asked.clear()
        bridge.stub.script = always("", status)
        with pytest.raises(ProviderFailed):
            PROVIDER.connect({"setup_token": bridge.token}, http)
        assert len(bridge.stub.asked) == 1


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
def test_a_claim_that_hands_out_no_address_keeps_nothing(
    bridge: Bridge, http: Http, body: bytes
) -> None:
    bridge.stub.script = lambda _: said(body)
    with pytest.raises(ProviderFailed, match="did not hand out"):
        PROVIDER.connect({"setup_token": bridge.token}, http)


def test_a_claim_that_redirects_goes_nowhere(bridge: Bridge, http: Http) -> None:
    bridge.stub.script = lambda _: said("", 307, ("Location", bridge.stub.url("/elsewhere")))
    with pytest.raises(ProviderFailed, match="another address"):
        PROVIDER.connect({"setup_token": bridge.token}, http)
    assert len(bridge.stub.asked) == 1


def test_an_access_address_can_be_given_as_it_is(bridge: Bridge, http: Http) -> None:
    assert PROVIDER.connect({"setup_token": bridge.access_url}, http) == bridge.kept
    assert not bridge.stub.asked


def test_a_token_without_padding_is_one_too(bridge: Bridge, http: Http) -> None:
    url = bridge.stub.url("/claim/aa?b")
    token = b64encode(url.encode(), altchars=b"-_").decode().rstrip("=")
    PROVIDER.connect({"setup_token": token}, http)
    assert bridge.stub.asked[0].target == "/claim/aa?b"


def test_balances_are_told_as_they_were_reported(bridge: Bridge, http: Http) -> None:
    (told,) = fetched(bridge, http).accounts
    assert told.current is not None
    assert told.current.balance == Decimal("1234.50")
    assert str(told.current.balance) == "1234.50"
    assert told.current.available_balance == Decimal("1200.00")
    assert told.current.captured_at == NOW
    assert told.current.as_of == datetime.fromtimestamp(1795300000, UTC)
    assert (told.identity.external_id, told.identity.institution) == ("ACT-1", "Alder Creek Bank")
    assert told.identity.account_type is AccountType.CHECKING
    assert (told.positions, told.problems, told.history) == ((), (), ())
    (asked,) = bridge.stub.asked
    # A day of transactions, for holdings may be left out with them by balances-only.
    since = int((NOW - timedelta(days=1)).timestamp())
    assert asked.target == f"/simplefin/accounts?version=2&start-date={since}"
    assert PASSWORD not in asked.target


def test_credentials_are_unquoted_before_they_are_sent(bridge: Bridge, http: Http) -> None:
    quoted = bridge.access_url.replace("planted", "%70lanted")
    assert PROVIDER.fetch({"access_url": quoted}, http, now=NOW, backfill=False).accounts


def test_the_second_version_is_understood(bridge: Bridge, http: Http) -> None:
    connection = {
        "conn_id": "CON-1", "name": "My Bank - Jo", "org_id": "INST-9", "org_name": "My Bank",
        "org_url": "https://my.example", "sfin_url": "https://bridge.example",
    }  # fmt: skip
    bridge.accounts = {
        "errlist": [
            {"code": "con.auth", "msg": "Sign in again", "conn_id": "CON-1"},
            {"code": "gen.new-one", "message": "Something <b>else</b>"},
            {"code": "act.failed", "account_id": "ACT-1"},
        ],
        "connections": [connection],
        "accounts": [account(org=..., conn_id="CON-1") | {"conn_id": "CON-1"}],
    }
    report = fetched(bridge, http)
    assert report.accounts[0].identity.institution == "My Bank"
    assert report.accounts[0].identity.institution_key == "INST-9"
    assert report.warnings == (
        "My Bank - Jo: Sign in again", "Something else", "act.failed",
    )  # fmt: skip


def test_warnings_of_the_first_version_are_shown_harmless(bridge: Bridge, http: Http) -> None:
    said_there = f"<a href='javascript:x'>You</a> https://user:{PASSWORD}@h/ {PASSWORD} must act"
    report = fetched(bridge, http, account(), errors=[said_there, 7, None, "", said_there])
    assert report.warnings == ("You … … must act", "7")
    assert len(report.accounts) == 1


def test_a_card_owes_what_it_owes(bridge: Bridge, http: Http) -> None:
    (told,) = fetched(bridge, http, account(name="Costco Visa Card", balance="-532.69")).accounts
    assert told.current is not None
    assert (told.current.balance, told.identity.balance_sign) == (Decimal("-532.69"), None)
    assert told.identity.account_type is AccountType.CREDIT_CARD


def holding(**changes: object) -> dict[str, object]:
    return {
        "id": "HOL-1", "created": 1705413320, "currency": "", "cost_basis": "10000.00",
        "description": "Growth Fund K6", "market_value": "15000.00", "purchase_price": "0.00",
        "shares": "200.00", "symbol": "FGKFX",
    } | changes  # fmt: skip


def test_holdings_are_positions(bridge: Bridge, http: Http) -> None:
    held = [holding(), holding(symbol="B", market_value="0.50", currency="USD")]
    (told,) = fetched(bridge, http, account(name="Dr Evil", holdings=held)).accounts
    assert told.positions is not None
    assert [(one.symbol, one.quantity, one.market_value, one.cost_basis, one.currency.code)
            for one in told.positions] == [
        ("FGKFX", Decimal("200.00"), Decimal("15000.00"), Decimal("10000.00"), "USD"),
        ("B", Decimal("200.00"), Decimal("0.50"), Decimal("10000.00"), "USD"),
    ]  # fmt: skip
    assert told.current is not None
    assert told.current.holdings_value == Decimal("15000.50")
    assert told.identity.account_type is AccountType.BROKERAGE


@pytest.mark.parametrize("spoilt", [{"market_value": "NaN"}, {"shares": "1E400"}, {"shares": None}])
def test_a_part_of_the_positions_is_not_taken_for_all(
    bridge: Bridge, http: Http, spoilt: dict[str, object]
) -> None:
    (told,) = fetched(bridge, http, account(holdings=[holding(), holding(**spoilt)])).accounts
    assert told.positions is None
    assert told.current is not None
    assert told.current.holdings_value is None
    assert [problem.code for problem in told.problems] == ["invalid_amount"]


def test_positions_in_another_currency_are_not_added_up(bridge: Bridge, http: Http) -> None:
    (told,) = fetched(bridge, http, account(holdings=[holding(currency="EUR")])).accounts
    assert told.current is not None
    assert told.current.holdings_value is None


@pytest.mark.parametrize("balance", [None, "", ...])
def test_a_missing_balance_is_no_balance(bridge: Bridge, http: Http, balance: object) -> None:
    (told,) = fetched(bridge, http, account(balance=balance)).accounts
    assert told.current is None
    assert [problem.code for problem in told.problems] == ["missing_balance"]


@pytest.mark.parametrize(
    "balance",
    ["NaN", "Infinity", "-Infinity", "1E400", "1e5", "1_000", "1,000.00", "\uff11\uff12", "\u0661",
     "$5", "+5", "--5", "0x10", "5.", ".5", "1" * 21, "0." + "1" * 19,
     "5 USD", [], {}, True, False],
)  # fmt: skip
def test_what_is_no_amount_is_refused_by_the_name_of_its_field(
    bridge: Bridge, http: Http, balance: object
) -> None:
    report = fetched(bridge, http, account(balance=balance), account(id="ACT-2"))
    told, other = report.accounts
    assert told.current is None
    assert [problem.code for problem in told.problems] == ["invalid_amount"]
    assert "balance" in told.problems[0].detail
    assert other.current is not None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E400", "-1e999999", "1.0E2"])
def test_numbers_that_are_none_become_no_number(bridge: Bridge, http: Http, number: str) -> None:
    bridge.accounts = b'{"accounts": [{"id": "A", "currency": "USD", "balance": %s}]}' % (
        number.encode()
    )
    (told,) = fetched(bridge, http).accounts
    assert told.current is None


def test_a_number_keeps_its_digits(bridge: Bridge, http: Http) -> None:
    number = b"12345678901234567890.100000000000"
    bridge.accounts = b'{"accounts": [{"id": 7, "currency": "USD", "balance": %s}]}' % number
    (told,) = fetched(bridge, http).accounts
    assert told.current is not None
    assert str(told.current.balance) == "12345678901234567890.100000000000"
    assert told.identity.external_id == "7"


def test_accounts_told_twice_alike_are_one(bridge: Bridge, http: Http) -> None:
    assert len(fetched(bridge, http, account(), account()).accounts) == 1


def test_accounts_told_twice_differently_are_not_believed(bridge: Bridge, http: Http) -> None:
    (told,) = fetched(bridge, http, account(), account(balance="9"), account()).accounts
    assert told.current is None
    assert [problem.code for problem in told.problems] == ["duplicate_account"]


def test_two_currencies_of_one_account_are_two_accounts(bridge: Bridge, http: Http) -> None:
    report = fetched(bridge, http, account(), account(currency="EUR", balance="1"))
    assert [told.identity.currency.code for told in report.accounts] == ["USD", "EUR"]


def test_a_custom_currency_is_never_looked_up(bridge: Bridge, http: Http) -> None:
    url = bridge.stub.url("/miles")
    report = fetched(bridge, http, account(currency=url, name="Miles"), account(id="ACT-2"))
    assert [told.identity.external_id for told in report.accounts] == ["ACT-2"]
    assert report.warnings == ("Miles: its currency is not money of ISO 4217, so it is left out.",)
    assert len(bridge.stub.asked) == 1


@pytest.mark.parametrize("currency", ["", "XXX", "US", "usd€", None, 840, ...])
def test_an_unknown_currency_is_no_account(bridge: Bridge, http: Http, currency: object) -> None:
    report = fetched(bridge, http, account(currency=currency), account(id="ACT-2"))
    assert [told.identity.external_id for told in report.accounts] == ["ACT-2"]
    assert len(report.warnings) == 1


@pytest.mark.parametrize("external_id", ["", None, ..., "a" * 201, "a\x00b", "a\ud800", [], {}])
def test_an_account_without_an_id_is_none(bridge: Bridge, http: Http, external_id: object) -> None:
    report = fetched(bridge, http, account(id=external_id), account())
    assert len(report.accounts) == 1
    assert len(report.warnings) == 1


@pytest.mark.parametrize("at", [0, -5, None, "soon", 99999999999999, 1795300000 + 10**7, 1.5])
def test_a_date_that_is_none_is_not_told(bridge: Bridge, http: Http, at: object) -> None:
    (told,) = fetched(bridge, http, account(balance_date=at)).accounts
    assert told.current is not None
    assert told.current.as_of is None


def test_ten_thousand_accounts_are_read_and_no_more(bridge: Bridge, http: Http) -> None:
    small = {"org": ..., "extra": ..., "transactions": ..., "available_balance": ...}
    many = [account(id=f"ACT-{number}", **small) for number in range(10_000)]
    assert len(fetched(bridge, http, *many).accounts) == 10_000
    bridge.accounts = account_set(*many, account(id="one more"))
    assert "more than 10000" in str(refused(bridge, http))


@pytest.mark.parametrize(
    ("status", "body", "kind", "word"),
    [
        (402, '{"errors":["Payment required."],"accounts":[]}', ProviderFailed, "payment"),
        (403, FORBIDDEN_PAGE, CredentialsRefused, "setup token"),
        (401, "", CredentialsRefused, "credentials"),
        (429, "", ProviderRateLimited, "later"),
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
def test_errors_say_what_the_user_can_do(
    bridge: Bridge, http: Http, status: int, body: str, kind: type[ProviderError], word: str
) -> None:
    bridge.stub.script = lambda _: said(body.replace("Payment", PASSWORD), status)
    error = refused(bridge, http)
    assert type(error) is kind
    assert word in str(error)


def test_a_limit_says_how_long_it_lasts(bridge: Bridge, http: Http) -> None:
    for text, expected in (("3600", timedelta(hours=1)), ("soon", None)):
        bridge.stub.script = always("", 429, ("Retry-After", text))
        error = refused(bridge, http)
        assert isinstance(error, ProviderRateLimited)
        assert error.retry_after == expected


def test_nothing_is_written_anywhere(
    bridge: Bridge, http: Http, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    PROVIDER.connect({"setup_token": bridge.token}, http)
    fetched(bridge, http)
    bridge.stub.script = lambda _: ()
    refused(bridge, http)
    written = capfd.readouterr()
    assert (caplog.text, written.out, written.err) == ("", "", "")


async def oracle(bridge: Bridge) -> FinancialData:
    access_url = await Oracle.claim_setup_token(bridge.token, verify_ssl=False)
    client = Oracle(access_url, verify_ssl=False)
    # It hands the library a text where today's wants credentials; the address holds them anyway.
    client.auth = None
    with redirect_stdout(io.StringIO()):
        return await client.fetch_data()


# How the other client hands over its credentials is about to change.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_independent_client_reads_the_same_of_the_same_server(
    bridge: Bridge, outbound: Outbound
) -> None:
    bridge.accounts = account_set(
        account(),
        account(id="ACT-2", name="Alder Visa", balance="-532.69", currency="EUR"),
        account(id="ACT-3", name="Castle Mortgage", balance="7500.00", available_balance="0"),
        errors=["Connection to Investments may need attention"],
    )
    theirs = asyncio.run(oracle(bridge))
    ours = fetched(bridge, outbound.client())
    assert list(ours.warnings) == theirs.errors
    assert [
        (told.identity.external_id, told.identity.name, told.identity.institution,
         told.identity.currency.code, str(told.current.balance),
         str(told.current.available_balance), told.current.as_of)
        for told in ours.accounts if told.current
    ] == [
        (told.id, told.name, told.org.name, told.currency, told.balance, told.available_balance,
         told.balance_date)
        for told in theirs.accounts
    ]  # fmt: skip
