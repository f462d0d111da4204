"""Enable Banking, against a stub that speaks its protocol and misbehaves."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dashtam.application.provider import (
    CredentialsRefused,
    Http,
    ProviderFailed,
    ProviderRateLimited,
    Redirect,
    Report,
)
from dashtam.providers.conformance import RETURN_TO, report_faults
from dashtam.providers.enable_banking import EnableBanking
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
GIRO = {
    "uid": "0a1b-giro", "identification_hash": "hash-giro", "name": "Ada Example",
    "currency": "EUR", "product": "Giro",
    "cash_account_type": "CACC", "account_id": {"iban": "FI2112345600000785"},
}  # fmt: skip
CARD = {
    "uid": "0a1b-card", "identification_hash": "hash-card", "name": "Ada Example",
    "currency": "EUR", "details": "Card", "product": "Gold 22",
    "cash_account_type": "CARD", "account_id": {"other": {"identification": "x"}},
}  # fmt: skip


def balance(kind: str, amount: str, currency: str = "EUR", **more: str) -> dict[str, Any]:
    money = {"amount": amount, "currency": currency}
    return {"balance_type": kind, "balance_amount": money} | more


def booked(day: str, amount: str, after: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    entry: dict[str, Any] = {
        "booking_date": day, "status": "BOOK",
        "transaction_amount": {"amount": amount.removeprefix("-"), "currency": "EUR"},
        "credit_debit_indicator": "DBIT" if amount.startswith("-") else "CRDT",
    }  # fmt: skip
    if after is not None:
        entry["balance_after_transaction"] = {"amount": after, "currency": "EUR"}
    return entry | more


class Service:
    """The bank behind Enable Banking; ``errors`` are answers by the end of a path."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.accounts = [GIRO]
        self.balances: dict[str, list[Any]] = {"0a1b-giro": [balance("CLBD", "100.50")]}
        self.pages: list[list[Any]] = [[]]
        self.errors: dict[str, tuple[int, str]] = {}
        self.consent_s = 180 * 86400
        self.auth: Any = None
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:  # noqa: PLR0911 - by path
        token = request.headers["authorization"].removeprefix("Bearer ")
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token, KEY.public_key(), ["RS256"], audience="api.enablebanking.com",
            options={"verify_exp": False, "verify_iat": False},
        )  # fmt: skip
        assert header["kid"] == "app-1"
        assert claims["exp"] - claims["iat"] <= 86400
        query = parse_qs(urlsplit(request.target).query)
        for end, (status, code) in self.errors.items():
            if request.path.endswith(end) and not (
                code.startswith("WRONG") and "date_from" in query
            ):
                return http_answer({"code": status, "message": PEM, "error": code}, status)
        if request.path == "/aspsps":
            bank = {"name": "Alder Bank", "country": "FI"}
            return http_answer({"aspsps": [bank | {"maximum_consent_validity": self.consent_s}]})
        if request.path == "/auth":
            self.auth = json.loads(request.body)
            return http_answer({"url": f"https://bank.example/?state={self.auth['state']}"})
        if request.path == "/sessions":
            if json.loads(request.body) != {"code": "good"}:
                return http_answer({"error": "WRONG_AUTHORIZATION_CODE"}, 422)
            access = {"valid_until": "2027-05-20T12:30:00Z"}
            return http_answer({"session_id": "s-1", "accounts": self.accounts, "access": access})
        uid = request.path.split("/")[2]
        if request.path.endswith("/balances"):
            return http_answer({"balances": self.balances[uid]})
        page = int(query.get("continuation_key", ["0"])[0])
        following = str(page + 1) if page + 1 < len(self.pages) else None
        return http_answer({"transactions": self.pages[page], "continuation_key": following})

    def given(self, **more: str) -> dict[str, str]:
        return {
            "application_id": "app-1", "private_key": PEM, "country": "fi", "bank": "alder bank",
            "base_url": self.server.url(),
        } | more  # fmt: skip


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def signed_in(service: Service, http: Http) -> dict[str, str]:
    begun = EnableBanking().begin(service.given(), RETURN_TO, http, now=NOW)
    assert isinstance(begun, Redirect)
    assert begun.url == f"https://bank.example/?state={RETURN_TO.token}"
    parameters = {"code": "good", "state": RETURN_TO.token}
    return dict(EnableBanking().complete(begun.state, parameters, http, now=NOW))


def fetch(service: Service, http: Http, *, backfill: bool = True) -> Report:
    stored = signed_in(service, http)
    report = EnableBanking().fetch(stored, http, now=NOW, backfill=backfill)
    assert list(report_faults(report, NOW)) == []
    assert "PRIVATE KEY" not in repr(report)
    return report


def history(report: Report) -> list[tuple[str, str]]:
    (account,) = report.accounts
    return [(str(one.captured_at.date()), str(one.balance)) for one in account.history]


def test_a_consent_is_asked_for_179_days_or_for_as_long_as_the_bank_allows(
    service: Service, http: Http
) -> None:
    report = fetch(service, http)
    assert (
        service.auth["access"]["valid_until"] == f"{NOW + timedelta(days=179):%Y-%m-%dT%H:%M:%SZ}"
    )
    assert service.auth["redirect_url"] == RETURN_TO.url
    assert report.expires_at == datetime(2027, 5, 20, 12, 30, tzinfo=UTC)
    service.consent_s = 90 * 86400
    fetch(service, http)
    assert service.auth["access"]["valid_until"] == "2027-02-20T12:29:00Z"


def test_the_booked_balance_comes_before_the_interim_and_the_expected(
    service: Service, http: Http
) -> None:
    told = [balance("XPCD", "1"), balance("ITBD", "2"), balance("CLBD", "-3.10"),
            balance("ITAV", "4")]  # fmt: skip
    for count, expected in ((1, "1"), (2, "2"), (4, "-3.10")):
        service.balances["0a1b-giro"] = told[:count]
        (account,) = fetch(service, http).accounts
        assert account.current is not None
        assert str(account.current.balance) == expected
        available = account.current.available_balance
        assert str(available) == ("4" if count == len(told) else "None")
        assert account.identity.number_masked == "••••0785"


def test_the_newest_of_several_booked_balances_counts(service: Service, http: Http) -> None:
    days = ("2026-11-19", "2026-11-20", "2026-11-18")
    service.balances["0a1b-giro"] = [
        balance("CLBD", day[-2:], reference_date=day) for day in days
    ] + [balance("CLBD", "1")]
    (account,) = fetch(service, http).accounts
    assert account.current is not None
    assert str(account.current.balance) == "20"
    assert account.current.as_of == datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_missing_balance_is_no_balance(service: Service, http: Http) -> None:
    for told in ([], [balance("OTHR", "5")], [balance("CLBD", "NaN")]):
        service.balances["0a1b-giro"] = told
        (account,) = fetch(service, http).accounts
        assert account.current is None
        assert account.problems


def test_a_cards_debt_is_positive_and_several_currencies_are_several_accounts(
    service: Service, http: Http
) -> None:
    service.accounts = [CARD, GIRO]
    service.balances["0a1b-card"] = [balance("CLBD", "70")]
    service.balances["0a1b-giro"].append(balance("CLBD", "9", "SEK"))
    found = [(one.identity.currency.code, one.identity.balance_sign)
             for one in fetch(service, http).accounts]  # fmt: skip
    assert found == [("EUR", -1), ("EUR", 1), ("SEK", 1)]


def test_the_last_balance_of_each_day_is_found_in_any_order(service: Service, http: Http) -> None:
    service.pages = [
        [booked("2026-11-20", "-30", "70"), booked("2026-11-20", "50", "100")],
        [booked("2026-11-18", "10", "50"), booked("2026-11-22", "1", "71"),
         booked("2026-11-19", "5", "55", status="PDNG")],
    ]  # fmt: skip
    assert history(fetch(service, http)) == [("2026-11-18", "50"), ("2026-11-20", "70")]


def test_a_day_that_proves_no_end_has_no_balance(service: Service, http: Http) -> None:
    there_and_back = [booked("2026-11-20", "-50", "50"), booked("2026-11-20", "50", "100")]
    incomplete = [booked("2026-11-19", "5", "100"), booked("2026-11-19", "7", None)]
    service.pages = [there_and_back + incomplete]
    assert history(fetch(service, http)) == []


def test_a_refused_period_is_asked_for_again_with_90_days(service: Service, http: Http) -> None:
    service.errors = {"/transactions": (422, "WRONG_TRANSACTIONS_PERIOD")}
    service.pages = [[booked("2026-11-18", "10", "50")]]
    assert history(fetch(service, http)) == [("2026-11-18", "50")]
    assert "date_from=2026-08-24" in service.server.requests[-1].target


@pytest.mark.parametrize(
    ("path", "status", "code", "error"),
    [
        ("/balances", 401, "EXPIRED_SESSION", CredentialsRefused),
        ("/balances", 422, "CLOSED_SESSION", CredentialsRefused),
        ("/balances", 429, "ASPSP_RATE_LIMIT_EXCEEDED", ProviderRateLimited),
        ("/balances", 400, "ASPSP_ERROR", ProviderFailed),
        ("/balances", 404, "SESSION_DOES_NOT_EXIST", CredentialsRefused),
        ("/balances", 400, "ASPSP_PSU_ACTION_REQUIRED", ProviderFailed),
        ("/auth", 422, "REDIRECT_URI_NOT_ALLOWED", CredentialsRefused),
        ("/sessions", 422, "NO_ACCOUNTS_ADDED", CredentialsRefused),
        ("/sessions", 422, "WRONG_AUTHORIZATION_CODE", ProviderFailed),
        ("/aspsps", 401, "UNAUTHORIZED", CredentialsRefused),
    ],
)
def test_each_error_says_so_and_shows_no_key(
    service: Service, http: Http, path: str, status: int, code: str, error: type[Exception]
) -> None:
    service.errors = {path: (status, code)}
    with pytest.raises(error) as caught:
        fetch(service, http)
    assert "PRIVATE KEY" not in str(caught.value)


def test_one_failing_account_costs_no_other(service: Service, http: Http) -> None:
    service.accounts = [CARD, GIRO]
    service.errors = {"card/balances": (400, "ASPSP_ERROR")}
    report = fetch(service, http)
    assert [one.identity.name for one in report.accounts] == ["Giro"]
    assert report.warnings[0].startswith("Card: ")


def test_an_account_is_named_by_its_description_and_not_by_its_holder(
    service: Service, http: Http
) -> None:
    bare = {name: value for name, value in GIRO.items() if name != "product"}
    other = {"account_id": {"other": {"identification": "5299 **** **** 1234"}}}
    service.accounts = [CARD, GIRO, bare, bare | other]
    service.balances["0a1b-card"] = [balance("CLBD", "70")]
    stored = signed_in(service, http)
    report = EnableBanking().fetch(stored, http, now=NOW, backfill=False)
    names = [(one.identity.name, one.identity.number_masked) for one in report.accounts]
    assert names == [
        ("Card", "••••x"), ("Giro", "••••0785"), ("Account ••••0785", "••••0785"),
        ("Account ••••1234", "••••1234"),
    ]  # fmt: skip


def test_what_the_bank_asks_of_its_customer_is_told(service: Service, http: Http) -> None:
    closed = {name: value for name, value in CARD.items() if name != "uid"}
    service.accounts = [CARD, closed, GIRO]
    service.errors = {"card/balances": (400, "ASPSP_PSU_ACTION_REQUIRED")}
    report = fetch(service, http)
    assert [one.identity.name for one in report.accounts] == ["Giro"]
    assert [warning.split(" ")[3] for warning in report.warnings] == ["asks", "gives"]
    assert report.attention == (report.warnings[0].removeprefix("Card: "),)


def test_what_the_user_typed_wrong_is_named(service: Service, http: Http) -> None:
    for wrong, sentence in (
        ({"bank": "Alder"}, "Alder Bank"),
        ({"bank": "Beech"}, "no bank of this name"),
        ({"private_key": "none"}, "RSA key"),
    ):
        with pytest.raises(CredentialsRefused, match=sentence):
            EnableBanking().begin(service.given(**wrong), RETURN_TO, http, now=NOW)
    begun = EnableBanking().begin(service.given(), RETURN_TO, http, now=NOW)
    assert isinstance(begun, Redirect)
    with pytest.raises(CredentialsRefused, match="not completed"):
        EnableBanking().complete(begun.state, {"error": "access_denied"}, http, now=NOW)


def test_a_consent_that_has_ended_asks_for_a_new_one(service: Service, http: Http) -> None:
    stored = signed_in(service, http) | {"valid_until": "2026-11-22T12:30:00Z"}
    with pytest.raises(CredentialsRefused, match="sign in"):
        EnableBanking().fetch(stored, http, now=NOW, backfill=False)
