"""A SimpleFIN server: it claims a token once, and tells what a test gives it."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from providers.stub import Asked, Stub, said

PASSWORD = "planted-p4ss"  # noqa: S105 - nobody's
FORBIDDEN_PAGE = "<!doctype html><html><title>Forbidden</title><h1>Access denied</h1></html>"


@dataclass(slots=True)
class Bridge:
    stub: Stub
    accounts: object = field(default_factory=dict)
    claimed: int = 0

    def __post_init__(self) -> None:
        self.stub.script = self.answer

    @property
    def token(self) -> str:
        return b64encode(self.stub.url("/simplefin/claim/DEMO").encode()).decode()

    @property
    def access_url(self) -> str:
        return self.stub.url("/simplefin").replace("https://", f"https://user:{PASSWORD}@")

    @property
    def kept(self) -> dict[str, str]:
        return {"access_url": self.access_url}

    def answer(self, asked: Asked) -> Iterable[bytes]:
        if asked.method == "POST":
            self.claimed += 1
            return said(self.access_url) if self.claimed == 1 else said(FORBIDDEN_PAGE, 403)
        scheme, _, credentials = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(credentials) != f"user:{PASSWORD}".encode():
            return said(FORBIDDEN_PAGE, 403)
        if isinstance(self.accounts, bytes):
            return said(self.accounts)
        return said(json.dumps(self.accounts), 200, ("Content-Type", "application/json"))


def account(**changes: object) -> dict[str, object]:
    told: dict[str, object] = {
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
    told |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in told.items() if value is not ...}


def account_set(*accounts: dict[str, object], **more: object) -> dict[str, object]:
    return {"errors": [], "accounts": list(accounts), **more}
