"""A connection to each provider that has a stub: from its credentials to the history."""

from pathlib import Path
from typing import Any

import pytest

from application import UNLIMITED, App, Applications, Person
from providers import test_akahu, test_lunch_flow, test_snap_trade, test_trading_212
from providers.provider_server import ProviderServer


@pytest.fixture
def app(applications: Applications, server: ProviderServer, ca_file: Path) -> App:
    applications.has_network = True
    app = applications.open(
        registration="open",
        rate_limits=UNLIMITED,
        outbound_hosts=f"localhost:{server.port}",
        outbound_ca=ca_file.read_text(),
    )
    app.clock.now = test_akahu.NOW
    return app


def connect(person: Person, server: ProviderServer, slug: str, given: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    body = {"provider": slug, "credentials": given | {"base_url": server.url()}}
    made = person.post("/connections", json=body)
    assert made.status_code == 201, made.text
    run = person.get(f"/syncs/{made.json()['sync_id']}").json()
    assert run["state"] == "succeeded", run
    return made.json()


def told(person: Person) -> dict[str, tuple[str, str]]:
    accounts = person.get("/accounts").json()["accounts"]
    histories = {one["name"]: person.history(one["id"])["snapshots"] for one in accounts}
    return {
        name: (rows[-1]["balance"], rows[-1]["currency"])
        for name, rows in sorted(histories.items())
        if rows
    }


def test_each_becomes_a_history(app: App, ada: Person, server: ProviderServer) -> None:
    test_trading_212.Service(server)
    connect(ada, server, "trading_212", test_trading_212.KEPT)
    test_lunch_flow.Service(server)
    connect(ada, server, "lunch_flow", {"api_key": test_lunch_flow.SECRET})
    test_snap_trade.Service(server)
    connect(ada, server, "snap_trade", test_snap_trade.KEPT)
    akahu = test_akahu.Service(server)
    akahu.transactions = [test_akahu.booked(1, "2026-11-20T11:00:00.000", -30, 70)]
    made = connect(ada, server, "akahu", test_akahu.KEPT)
    assert told(ada) == {
        "Alder Individual": ("15363.23", "USD"),
        "Everyday": ("1042.50", "NZD"),
        "Giro": ("812.05", "EUR"),
        "Trading 212 ••••4567": ("5310.27", "GBP"),
    }
    # The bank moves to another id, and asks for a sign-in a day later.
    app.clock.advance(days=1)
    moved = {"_id": "acc_9", "_migrated": "acc_1"}
    fresh = {"refreshed": {"balance": app.clock.now.isoformat()}}
    akahu.accounts = [test_akahu.EVERYDAY | moved | fresh]
    run = ada.post(f"/connections/{made['id']}/syncs")
    assert (run.status_code, run.json()["recorded"]) == (201, 1), run.text
    app.clock.advance(days=1)
    akahu.accounts = [test_akahu.EVERYDAY | moved | {"status": "INACTIVE"}]
    ada.post(f"/connections/{made['id']}/syncs")
    shown = ada.get(f"/connections/{made['id']}").json()
    assert shown["state"] == "needs_attention"
    assert "my.akahu.nz" in shown["detail"]
    (account,) = [
        one for one in ada.get("/accounts").json()["accounts"] if one["name"] == "Everyday"
    ]
    rows = ada.history(account["id"])["snapshots"]
    assert [row["balance"] for row in rows] == ["70.00", "1042.50", "1042.50"]
