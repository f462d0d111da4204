"""A SimpleFIN server: it claims a token once, and answers with the accounts of a test."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from providers.provider_server import ProviderServer, ReceivedRequest, http_answer

PASSWORD = "planted-p4ss"  # noqa: S105 - nobody's
FORBIDDEN_PAGE = "<!doctype html><html><title>Forbidden</title><h1>Access denied</h1></html>"


@dataclass(slots=True)
class SimpleFinServer:
    server: ProviderServer
    accounts: object = field(default_factory=dict)
    claimed: int = 0

    def __post_init__(self) -> None:
        self.server.script = self.answer

    @property
    def token(self) -> str:
        return b64encode(self.server.url("/simplefin/claim/DEMO").encode()).decode()

    @property
    def access_url(self) -> str:
        return self.server.url("/simplefin").replace("https://", f"https://user:{PASSWORD}@")

    @property
    def kept(self) -> dict[str, str]:
        return {"access_url": self.access_url}

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        if request.method == "POST":
            self.claimed += 1
            return (
                http_answer(self.access_url)
                if self.claimed == 1
                else http_answer(FORBIDDEN_PAGE, 403)
            )
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(credentials) != f"user:{PASSWORD}".encode():
            return http_answer(FORBIDDEN_PAGE, 403)
        if isinstance(self.accounts, bytes):
            return http_answer(self.accounts)
        return http_answer(json.dumps(self.accounts), 200, ("Content-Type", "application/json"))


def account(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "org": {
            "domain": "alder.example",
            "name": "Alder Creek Bank",
            "sfin-url": "https://bridge.example/simplefin",
            "url": "https://alder.example",
        },
        "id": "ACT-1",
        "name": "Everyday Checking",
        "currency": "USD",
        "balance": "1234.50",
        "available-balance": "1200.00",
        "balance-date": 1795300000,
        "transactions": [],
        "holdings": [],
        "extra": {},
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in fields.items() if value is not ...}


def account_set(*accounts: dict[str, object], **more: object) -> dict[str, object]:
    return {"errors": [], "accounts": list(accounts), **more}
