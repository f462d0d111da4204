"""Interactive Brokers' Flex Web Service, as it talks: a code first, then the statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

TOKEN = "planted-70ken"  # noqa: S105 - nobody's
KEPT = {"token": TOKEN, "query_id": "8512"}
STAMP = "28 August, 2026 10:37 AM EDT"


def success(code: str = "99", url: str = "https://elsewhere.example/x") -> str:
    return (
        f"<FlexStatementResponse timestamp='{STAMP}'><Status>Success</Status>"
        f"<ReferenceCode>{code}</ReferenceCode><Url>{url}</Url></FlexStatementResponse>"
    )


def failure(code: int, message: str = "Something") -> str:
    return (
        f"<FlexStatementResponse timestamp='{STAMP}'><Status>Fail</Status>"
        f"<ErrorCode>{code}</ErrorCode><ErrorMessage>{message}</ErrorMessage>"
        "</FlexStatementResponse>"
    )


def value(day: str, total: str, currency: str = "USD", **more: str) -> str:
    fields = {"accountId": "U1234567", "currency": currency, "reportDate": day, "cash": "1.5"}
    fields |= {"stock": "3.25", "total": total} | more
    attributes = " ".join(f'{name}="{text}"' for name, text in fields.items())
    return f"<EquitySummaryByReportDateInBase {attributes} />"


def position(**changes: str) -> str:
    fields = {
        "accountId": "U1234567", "currency": "USD", "assetCategory": "STK", "symbol": "VT",
        "description": "VANGUARD TOT WORLD", "reportDate": "20261120", "position": "10",
        "markPrice": "120.5", "positionValue": "1205", "costBasisMoney": "900.25",
        "levelOfDetail": "SUMMARY",
    } | changes  # fmt: skip
    attributes = " ".join(f'{name}="{text}"' for name, text in fields.items())
    return f"<OpenPosition {attributes} />"


def statement(
    *values: str, positions: Sequence[str] | None = None, base: str = "USD", flows: str = ""
) -> str:
    held = "" if positions is None else f"<OpenPositions>{''.join(positions)}</OpenPositions>"
    return (
        '<FlexQueryResponse queryName="Q" type="AF"><FlexStatements count="1">'
        '<FlexStatement accountId="U1234567" fromDate="20251121" toDate="20261120"'
        ' period="Last365CalendarDays" whenGenerated="20261121;080000">'
        f'<AccountInformation accountId="U1234567" acctAlias="" currency="{base}"'
        ' accountType="Individual" />'
        f"<EquitySummaryInBase>{''.join(values)}</EquitySummaryInBase>{held}{flows}"
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


@dataclass(slots=True)
class Flex:
    server: ProviderServer
    statements: list[str]
    send_answer: str = field(default_factory=success)

    def __post_init__(self) -> None:
        self.server.script = self.answer

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        given = {name: text[0] for name, text in parse_qs(urlsplit(request.target).query).items()}
        if given.get("v") != "3" or not request.headers.get("user-agent"):
            return http_answer(failure(1020))
        if given.get("t") != TOKEN:
            return http_answer(failure(1015))
        if request.path.endswith("/SendRequest"):
            return http_answer(self.send_answer if given["q"] == "8512" else failure(1014))
        assert given["q"] == "99"
        return http_answer(
            self.statements.pop(0) if len(self.statements) > 1 else self.statements[0]
        )
