"""A provider that does as a test tells it, and the HTTP client that it uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dashtam.application.provider import (
    AccountReport,
    ClientCertificate,
    CredentialField,
    CredentialsRefused,
    Http,
    HttpAnswer,
    Pace,
    Redirect,
    Renew,
    Report,
    ReturnTo,
)
from dashtam.domain.account import AccountType, BalanceSign, Identity
from dashtam.domain.money import Currency
from dashtam.domain.statement import Position, Reading, RowError

SECRET = "canary-7c1d-token"  # noqa: S105 - planted, so that tests can look for it
ACCESS = "canary-9f2e-access"

Answer = Report | Exception | Callable[[], Report]


def identity(number: str = "1", currency: str = "USD", institution: str = "bank",
             balance_sign: BalanceSign | None = None) -> Identity:  # fmt: skip
    return Identity(
        institution_key=institution,
        institution="Scripted Bank",
        external_id=number,
        name=f"Account {number}",
        account_type=AccountType.CHECKING,
        number_masked=None,
        currency=Currency.of(currency),
        balance_sign=balance_sign,
    )


def account(
    balance: str | None = "100.00",
    number: str = "1",
    currency: str = "USD",
    **more: Any,  # noqa: ANN401 - fields of AccountReport
) -> AccountReport:
    at = more.pop("at", datetime.fromisoformat("2026-11-22T12:00:00Z"))
    current = None if balance is None else Reading(at, Decimal(balance))
    sign = more.pop("balance_sign", None)
    who = identity(number, currency, more.pop("institution", "bank"), sign)
    return AccountReport(who, current, **more)


def position(symbol: str, value: str, at: datetime) -> Position:
    return Position(
        symbol=symbol,
        name=symbol,
        asset_type="etf",
        quantity=Decimal(1),
        price=None,
        market_value=Decimal(value),
        cost_basis=None,
        currency=Currency.of("USD"),
        as_of=at,
    )


def problem(detail: str = "It could not be read.") -> RowError:
    return RowError(None, "broken", detail)


@dataclass
class Scripted:
    """Gives the answers that are left in its script, then ``usual`` for ever."""

    usual: Answer = field(default_factory=lambda: Report([account()]))
    script: list[Answer] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    connecting: Exception | None = None
    handed_out: Callable[[], None] = lambda: None
    slug: str = "scripted"
    name: str = "Scripted Bank"
    credentials: Sequence[CredentialField] = (CredentialField("token", "Token"),)
    pace: Pace = field(default_factory=lambda: Pace(timedelta(days=1), 24))
    fetches: list[bool] = field(default_factory=list)
    kept: Mapping[str, str] = field(default_factory=dict)
    requests_each: int = 1
    uses_browser: bool = False
    sign_in_at: str = "https://bank.example"
    renewed: Mapping[str, str] | None = None
    return_to: ReturnTo | None = None
    returned: Mapping[str, str] = field(default_factory=dict)

    def begin(
        self, given: Mapping[str, str], return_to: ReturnTo, http: Http, *, now: datetime
    ) -> Redirect | Mapping[str, str]:
        del now
        if self.uses_browser:
            self.return_to = return_to
            assert return_to.code_challenge
            url = f"{self.sign_in_at}/sign-in?state={return_to.token}"
            return Redirect(url, {**given, "verifier": return_to.code_verifier})
        if self.requests_each:
            http.request("POST", "https://bank.example/claim")
        if self.connecting is not None:
            raise self.connecting
        if given["token"] in self.refused:
            msg = f"<b>The token {given['token']} was used</b> at https://u:p@bank.example\n!"
            raise CredentialsRefused(msg)
        self.handed_out()
        return {"access": f"{ACCESS}-{given['token']}"}

    def complete(
        self, state: Mapping[str, str], parameters: Mapping[str, str], http: Http, *, now: datetime
    ) -> Mapping[str, str]:
        del http, now
        if self.connecting is not None:
            raise self.connecting
        self.returned = parameters
        return {**state, "access": f"{ACCESS}-{parameters['code']}"}

    def fetch(
        self,
        kept: Mapping[str, str],
        http: Http,
        *,
        now: datetime,
        backfill: bool,
        renew: Renew | None = None,
    ) -> Report:
        del now
        self.kept = kept
        if self.renewed is not None and renew is not None:
            renew(self.renewed)
        self.fetches.append(backfill)
        for _ in range(self.requests_each):
            http.request("GET", "https://bank.example/accounts")
        answer = self.script.pop(0) if self.script else self.usual
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Report) else answer()


class Nowhere:
    """An HTTP client that sends nothing, and counts each request."""

    def __init__(self, spend: Callable[[], None]) -> None:
        self._spend = spend

    def request(  # noqa: PLR0913 - the interface
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        content: bytes | None = None,
        certificate: ClientCertificate | None = None,
    ) -> HttpAnswer:
        del method, url, params, headers, auth, content, certificate
        self._spend()
        return HttpAnswer(200, {}, b"")
