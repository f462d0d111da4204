"""A user of the API of one or several servers, over real connections."""

from dataclasses import dataclass, replace
from typing import Any

import httpx2

from server_process import Server

PASSWORD = "a pelican under nine bridges"  # noqa: S105 - nobody's


@dataclass(frozen=True, slots=True)
class RemoteUser:
    """A signed-in user, and the server that the requests go to."""

    url: str
    token: str

    @classmethod
    def register(cls, server: Server, email: str) -> "RemoteUser":
        credentials = {"email": email, "password": PASSWORD}
        made = httpx2.post(f"{server.url}/api/v1/users", json=credentials, timeout=60)
        assert made.status_code == 201, made.text
        return cls.sign_in(server, email)

    @classmethod
    def sign_in(cls, server: Server, email: str) -> "RemoteUser":
        credentials = {"email": email, "password": PASSWORD}
        opened = httpx2.post(f"{server.url}/api/v1/sessions", json=credentials, timeout=60)
        assert opened.status_code == 201, opened.text
        return cls(server.url, opened.json()["access_token"])

    def at(self, server: Server) -> "RemoteUser":
        return replace(self, url=server.url)

    def send(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - options of httpx2
        """Send a request over a connection of its own, and return the response."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/api/v1{path}"
        return httpx2.request(method, url, headers=headers, timeout=120, **options)

    def create_account(self) -> str:
        body = {"name": "Everyday", "account_type": "cash", "currency": "USD", "balance": "0"}
        made = self.send("POST", "/accounts", json=body | {"captured_at": "2025-01-01"})
        assert made.status_code == 201, made.text
        account_id: str = made.json()["id"]
        return account_id

    def type_balance(self, account_id: str, balance: object) -> Any:  # noqa: ANN401 - a response
        body = {"balance": str(balance), "captured_at": "2025-02-01"}
        return self.send("POST", f"/accounts/{account_id}/balance-snapshots", json=body)

    def snapshot_ids(self, account_id: str) -> set[str]:
        """Return the ids of the account's snapshots."""
        query = {"start_date": "1900-01-01", "end_date": "9999-12-31"}
        found = self.send("GET", f"/accounts/{account_id}/balance-history", params=query)
        assert found.status_code == 200, found.text
        return {row["id"] for row in found.json()["snapshots"]}
