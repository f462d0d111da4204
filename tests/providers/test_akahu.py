"""Akahu, against a stub that speaks its protocol and misbehaves."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
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
from dashtam.providers.akahu import Akahu
from dashtam.providers.conformance import RETURN_TO, report_faults
from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

# The 23rd, 01:30 in New Zealand.
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SECRET = "user_token_planted"  # noqa: S105 - nobody's
KEPT = {"app_token": "app_token_1", "user_token": SECRET}
REFRESHED = {"balance": "2026-11-22T10:00:00.000Z", "transactions": "2026-11-22T11:30:00.000Z"}
EVERYDAY = {
    "_id": "acc_1", "_authorisation": "auth_1", "_credentials": "creds_1", "name": "Everyday",
    "connection": {"_id": "conn_1", "name": "Kauri Bank", "logo": "https://kauri.example/l.png",
                   "connection_type": "classic"},
    "formatted_account": "12-3456-0123456-78", "status": "ACTIVE", "type": "CHECKING",
    "attributes": ["TRANSACTIONS"], "refreshed": REFRESHED,
    "balance": {"current": 1042.5, "available": 1542.5, "limit": 500, "overdrawn": False,
                "currency": "NZD"},
}  # fmt: skip


def booked(number: int, day: str, amount: float, after: float | None, **more: Any) -> Any:  # noqa: ANN401 - JSON
    entry = {
        "_id": f"trans_{number}", "_account": "acc_1", "_connection": "conn_1", "_user": "user_1",
        "created_at": f"{day}Z", "updated_at": f"{day}Z", "date": f"{day}Z", "hash": "h",
        "description": "A shop", "amount": amount, "type": "EFTPOS",
    }  # fmt: skip
    return entry | ({} if after is None else {"balance": after}) | more


class Service:
    """Akahu with pages of two transactions; ``statuses`` are answers by path."""

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.accounts: list[Any] = [EVERYDAY]
        self.transactions: list[Any] = []
        self.statuses: dict[str, int] = {}
        self.body: bytes | None = None
        server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        tokens = request.headers.get("authorization"), request.headers.get("x-akahu-id")
        if tokens != (f"Bearer {SECRET}", "app_token_1"):
            return http_answer({"success": False, "message": f"No such {SECRET}"}, 401)
        name = request.path.removeprefix("/v1/")
        status = self.statuses.get(name, 200)
        if status != 200:
            return http_answer({"success": False, "message": SECRET}, status, ("Retry-After", "60"))
        if name == "accounts":
            return http_answer(self.body or {"success": True, "items": self.accounts})
        query = {key: value for key, (value,) in parse_qs(urlsplit(request.target).query).items()}
        found = [one for one in self.transactions if query["start"] < one["date"] <= query["end"]]
        at = int(query.get("cursor", "0"))
        following = str(at + 2) if at + 2 < len(found) else None
        page = {"items": found[at : at + 2], "cursor": {"next": following}}
        return http_answer({"success": True} | page)

    def paths(self) -> list[str]:
        return [request.path for request in self.server.requests]


@pytest.fixture
def service(server: ProviderServer) -> Service:
    return Service(server)


def fetch(service: Service, http: Http, *, backfill: bool = True, **given: str) -> Report:
    stored = KEPT | {"base_url": service.server.url()} | given
    report = Akahu().fetch(stored, http, now=NOW, backfill=backfill)
    assert list(report_faults(report, NOW)) == []
    assert SECRET not in repr(report)
    return report


def fetch_account(service: Service, http: Http, **changes: Any) -> AccountReport:  # noqa: ANN401 - JSON
    service.accounts = [EVERYDAY | changes]
    (account,) = fetch(service, http).accounts
    return account


def history(report: Report) -> list[tuple[str, str]]:
    (account,) = report.accounts
    return [(str(one.captured_at.date()), str(one.balance)) for one in account.history]


def test_an_account_is_read_with_the_time_of_its_balance(service: Service, http: Http) -> None:
    account = fetch_account(service, http)
    assert account.current is not None
    assert (account.current.balance, account.current.available_balance) == (
        Decimal("1042.5"),
        Decimal("1542.5"),
    )
    assert account.current.as_of == datetime(2026, 11, 22, 10, tzinfo=UTC)
    identity = account.identity
    assert (identity.institution, identity.name, identity.number_masked, identity.account_type) == (
        "Kauri Bank", "Everyday", "••••5678", "checking",
    )  # fmt: skip
    assert (account.outage, account.problems, account.predecessor) == (None, (), None)


def test_debts_are_negative_at_akahu_already(service: Service, http: Http) -> None:
    home = {"loan_details": {"purpose": "HOME"}}
    for kind, meta, expected in (("CREDITCARD", {}, "credit_card"), ("LOAN", {}, "loan"),
                                 ("LOAN", home, "mortgage")):  # fmt: skip
        balance = {"current": -532.69, "currency": "NZD"}
        account = fetch_account(service, http, type=kind, meta=meta, balance=balance)
        assert account.current is not None
        assert account.current.balance == Decimal("-532.69")
        assert (account.identity.account_type, account.identity.balance_sign) == (expected, 1)


def test_a_number_stays_as_it_is_told(service: Service, http: Http) -> None:
    told = b'{"success": true, "items": [{"_id": "acc_1", "name": "A", "status": "ACTIVE", "type":'
    told += b' "SAVINGS", "balance": {"current": 100.30000000000001, "currency": "NZD"}}]}'
    service.body = told
    (account,) = fetch(service, http).accounts
    assert account.current is not None
    assert str(account.current.balance) == "100.30000000000001"
    assert account.current.as_of is None


@pytest.mark.parametrize("current", [None, "", "NaN", "1E400", [], {}, True])
def test_a_missing_balance_is_no_balance(service: Service, http: Http, current: object) -> None:
    account = fetch_account(service, http, balance={"current": current, "currency": "NZD"})
    assert account.current is None
    assert len(account.problems) == 1


def test_old_data_are_an_outage(service: Service, http: Http) -> None:
    service.transactions = [booked(1, "2026-11-15T11:00:00.000", -5, 95)]
    for change, code, words in (
        ({"status": "INACTIVE"}, "sign_in_needed", "my.akahu.nz"),
        ({"refreshed": {"balance": "2026-11-18T12:00:00Z"}}, "stale", "2026-11-18"),
    ):
        service.accounts = [EVERYDAY | change]
        report = fetch(service, http)
        outage = report.accounts[0].outage
        assert outage is not None
        assert outage.code == code
        assert words in outage.detail
        assert report.attention == (outage.detail,)
    account = fetch_account(service, http, refreshed={"balance": "2026-11-19T12:00:00Z"})
    assert account.outage is None


def test_the_last_balance_of_each_day_in_new_zealand_is_found(service: Service, http: Http) -> None:
    service.transactions = [
        # In any order: the 21st ends with 70, the 20th with 50.
        booked(1, "2026-11-20T11:00:00.000", -30, 70),
        booked(2, "2026-11-20T11:00:00.000", 50, 100),
        booked(3, "2026-11-19T11:00:00.000", -10.5, 50),
        # Today has not ended.
        booked(4, "2026-11-22T11:00:00.000", -1, 69),
        booked(5, "2026-11-18T12:59:59.999", -1, None),
        booked(6, "2024-02-29T11:00:00.000", 2, 3),
        booked(7, "2026-11-20T11:00:00.000", 1, 1, _account="acc_other"),
    ]
    found = [("2026-11-20", "50"), ("2026-11-21", "70")]
    assert history(fetch(service, http)) == [("2024-03-01", "3"), *found]
    assert service.paths() == ["/v1/accounts"] + ["/v1/transactions"] * 3
    assert history(fetch(service, http, backfill=False)) == found
    request = parse_qs(urlsplit(service.server.requests[-1].target).query)
    assert (request["start"], request["end"]) == (
        ["2026-10-23T10:59:59.999Z"], ["2026-11-22T10:59:59.999Z"],
    )  # fmt: skip

    # Nor had the day on which Akahu last read transactions.
    early = REFRESHED | {"transactions": "2026-11-21T10:00:00.000Z"}
    service.accounts = [EVERYDAY | {"refreshed": early}]
    assert history(fetch(service, http, backfill=False)) == found[:1]


def test_a_day_that_proves_no_end_has_no_balance(service: Service, http: Http) -> None:
    service.transactions = [
        booked(1, "2026-11-20T11:00:00.000", -50, 50),
        booked(2, "2026-11-20T11:00:00.000", 50, 100),
        booked(3, "2026-11-19T11:00:00.000", -5, 45),
        booked(4, "2026-11-19T11:00:00.000", -5, None),
    ]
    assert history(fetch(service, http)) == []
    service.transactions = [booked(1, "2026-11-20T11:00:00.000", -50, 50)]
    service.accounts = [EVERYDAY | {"refreshed": {"transactions": "soon"}}]
    assert history(fetch(service, http)) == []


def test_transactions_that_cannot_be_read_cost_no_balance(service: Service, http: Http) -> None:
    service.statuses["transactions"] = 403
    report = fetch(service, http)
    assert report.accounts[0].current is not None
    assert "permission" in report.warnings[0]
    assert fetch(service, http, backfill=False).warnings == ()
    service.statuses["transactions"] = 500
    (account,) = fetch(service, http, backfill=False).accounts
    assert account.current is not None
    assert [one.code for one in account.problems] == ["no_transactions"]
    with pytest.raises(ProviderFailed):
        fetch(service, http)


def test_one_unusable_account_costs_no_other(service: Service, http: Http) -> None:
    wrong: list[dict[str, Any]] = [
        {"_id": ""}, {"_id": "acc_2", "balance": {"current": 1, "currency": "FLY"}},
        {"_id": "acc_3", "type": "REWARDS"}, {"_id": "acc_4", "balance": None},
    ]  # fmt: skip
    service.accounts = [EVERYDAY, *(EVERYDAY | {"name": "Odd"} | change for change in wrong), None]
    report = fetch(service, http)
    assert [one.identity.external_id for one in report.accounts] == ["acc_1"]
    assert len(report.warnings) == len(wrong)
    assert all(warning.startswith("Odd: ") for warning in report.warnings)


def test_a_migrated_account_names_its_predecessor(service: Service, http: Http) -> None:
    moved = {"_id": "acc_9", "_migrated": "acc_1", "connection": {"_id": "conn_9", "name": "Kauri"}}
    account = fetch_account(service, http, **moved)
    assert account.predecessor == "acc_1"
    assert account.identity.institution_key == "akahu"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, CredentialsRefused), (403, CredentialsRefused), (429, ProviderRateLimited),
     (500, ProviderFailed), (503, ProviderRateLimited)],
)  # fmt: skip
def test_each_error_says_so_and_shows_no_token(
    service: Service, http: Http, status: int, error: type[ProviderError]
) -> None:
    service.statuses["accounts"] = status
    with pytest.raises(error) as caught:
        fetch(service, http)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"success": false, "items": []}', b'{"success": true}', b"<html>"]
)
def test_an_answer_of_another_form_is_a_failure(service: Service, http: Http, body: bytes) -> None:
    service.body = body
    with pytest.raises(ProviderFailed):
        fetch(service, http)


def test_swapped_and_wrong_tokens_are_refused(service: Service, http: Http) -> None:
    swapped = {"app_token": "user_token_1", "user_token": "app_token_1"}
    with pytest.raises(CredentialsRefused) as caught:
        Akahu().begin(swapped, RETURN_TO, http, now=NOW)
    assert caught.value.field == "app_token"
    assert Akahu().begin(KEPT, RETURN_TO, http, now=NOW) == KEPT
    with pytest.raises(CredentialsRefused):
        fetch(service, http, user_token="wrong")  # noqa: S106 - nobody's
