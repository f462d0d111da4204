"""A connection to a SimpleFIN server, from the server to the history."""

from dataclasses import dataclass
from typing import Any

from application import App, Person
from providers.simplefin_server import SimpleFinServer, account


@dataclass
class Bridge:
    """A user's connection to a SimpleFIN server, synced once a day with the answer of a test."""

    app: App
    person: Person
    simplefin: SimpleFinServer
    connection_id: str = ""

    def tell(self, answer: object) -> Any:  # noqa: ANN401 - JSON
        """Sync with this answer, and return the run."""
        self.simplefin.accounts = answer
        if not self.connection_id:
            body = {
                "provider": "simplefin",
                "credentials": {"setup_token": self.simplefin.access_url},
            }
            made = self.person.post("/connections", json=body)
            assert made.status_code == 201, made.text
            self.connection_id = made.json()["id"]
            return self.person.get(f"/syncs/{made.json()['sync_id']}").json()
        self.app.clock.advance(days=1)
        done = self.person.post(f"/connections/{self.connection_id}/syncs")
        if done.status_code == 502:
            return self.person.get(done.headers["location"].removeprefix("/api/v1")).json()
        assert done.status_code == 201, done.text
        return done.json()

    @property
    def accounts(self) -> list[Any]:
        found: list[Any] = self.person.get("/accounts").json()["accounts"]
        return found

    def balances(self) -> list[list[str]]:
        """Return the balances of each account, oldest first; the accounts by their balances."""
        histories = [self.person.history(one["id"])["snapshots"] for one in self.accounts]
        return sorted([one["balance"] for one in history] for history in histories)


def org(**names: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in names.items()}


def version_2(
    *accounts: dict[str, object], logins: dict[str, dict[str, str]], errors: list[Any] | None = None
) -> dict[str, object]:
    return {
        "errlist": errors or [],
        "connections": [{"conn_id": conn_id, **names} for conn_id, names in logins.items()],
        "accounts": list(accounts),
    }


def account_2(login: str, balance: str, **changes: object) -> dict[str, object]:
    return account(org=..., balance=balance, **changes) | {"conn_id": login}


ALDER = {"name": "Alder Creek Bank", "org_id": "ORG-1", "org_url": "https://www.alder.example/"}
