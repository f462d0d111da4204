"""The application at a clock that stands still, and callers whose answers are recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from application import PASSWORD, Applications, Clock
from recorded_answers.recording import Recording
from scripted_provider import Scripted

API = "/api/v1"
ADDRESS = ("192.0.2.7", 50_000)


def applications_to_record(database_url: str, folder: Path) -> Applications:
    """Return the application, not opened yet, with a client and a clock of every recording."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "recorder/1"}
    return Applications(
        database_url,
        folder,
        client_options={"headers": headers, "client": ADDRESS},
        clock=Clock(datetime(2026, 11, 22, 12, tzinfo=UTC)),
        # Without requests no budget of a day is spent.
        provider=Scripted(requests_each=0),
    )


@dataclass
class RecordedApp:
    """The application on one database, opened as often as a test changes its settings."""

    applications: Applications
    recording: Recording
    client: TestClient = field(init=False)

    def open(self, **settings: object) -> "RecordedApp":
        """Close it and open it with these settings; by default anybody may register."""
        self.close()
        self.client = self.applications.open(**{"registration": "open"} | settings).client
        return self

    def close(self) -> None:
        self.applications.close()

    @property
    def clock(self) -> Clock:
        return self.applications.clock

    @property
    def provider(self) -> Scripted:
        return self.applications.provider

    @property
    def nobody(self) -> "Caller":
        """A caller without a token."""
        return Caller(self)

    @property
    def outside(self) -> "Caller":
        """A caller of the paths that are not the API's."""
        return Caller(self, base="")

    def person(self, email: str = "ada@example.org") -> "Caller":
        """Register somebody and sign in, neither recorded."""
        body = {"email": email, "password": PASSWORD}
        self.nobody.quietly("POST", "/users", json=body)
        return self.sign_in(email)

    def sign_in(self, email: str = "ada@example.org") -> "Caller":
        body = {"email": email, "password": PASSWORD}
        pair = self.nobody.quietly("POST", "/sessions", json=body)
        return Caller(self, pair["access_token"])


@dataclass(frozen=True)
class Caller:
    """Sends requests, with a bearer token or without; each answer is recorded."""

    app: RecordedApp
    token: str | None = None
    base: str = API

    def __call__(
        self,
        method: str,
        path: str,
        note: str = "",
        leave_out: Sequence[str] = (),
        **options: Any,  # noqa: ANN401 - options of httpx
    ) -> Any:  # noqa: ANN401 - JSON
        """Record the answer and return its JSON; ``note`` tells it from others of the same path."""
        response = self.send(method, path, **options)
        title = f"{method} {self.base}{path}" + (f" ({note})" if note else "")
        self.app.recording.add(title, response, leave_out)
        if method == "GET" and "etag" in response.headers:
            again = self.send(method, path, **options)
            assert again.headers["etag"] == response.headers["etag"], f"{title}: another ETag"
            assert again.content == response.content, f"{title}: another answer"
        is_json = response.headers.get("content-type", "").endswith("json")
        return response.json() if is_json and response.content else None

    def quietly(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - see above
        """Return the JSON of a good answer that is not recorded."""
        response = self.send(method, path, **options)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def send(self, method: str, path: str, **options: Any) -> Response:  # noqa: ANN401 - see above
        """Return an answer that is not recorded."""
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}"} | headers
        client = self.app.client
        # A cookie is sent where a request names it.
        client.cookies.clear()
        return client.request(method, self.base + path, headers=headers, **options)

    def account(self, name: str, balance: str, **more: str) -> str:
        """Make a manual account of 1 November, not recorded, and return its id."""
        body = {
            "name": name,
            "account_type": "checking",
            "currency": "USD",
            "balance": balance,
            "captured_at": "2026-11-01",
        }
        made_id: str = self.quietly("POST", "/accounts", json=body | more)["id"]
        return made_id

    def type(self, account_id: str, balance: str, captured_at: str, **more: str) -> Any:  # noqa: ANN401 - JSON
        """Type a balance, not recorded, and return the snapshot."""
        body = {"balance": balance, "captured_at": captured_at} | more
        return self.quietly("POST", f"/accounts/{account_id}/balance-snapshots", json=body)

    def connect(self, token: str = "good") -> Any:  # noqa: ANN401, S107 - JSON, and no password
        """Connect to the provider, not recorded, and return the connection."""
        body = {"provider": "scripted", "credentials": {"token": token}}
        return self.quietly("POST", "/connections", json=body)
