"""Connections from the page alone, at a SimpleFIN server that fails as banks do."""

import ssl
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import Locator, Route, expect

from browser.driver import PHONE, TODAY, Opening, Person, Served, serving
from providers.bridge import ALDER, account_2, version_2
from providers.provider_server import ProviderServer, ReceivedRequest
from providers.simplefin_server import SimpleFinServer

LOGINS = {"CON-1": ALDER, "CON-2": {"name": "Beech Union", "org_id": "ORG-2"}}
SIGN_IN = {"code": "con.auth", "msg": "Please sign in", "conn_id": "CON-1"}


def told(*accounts: dict[str, object], errors: list[Any] | None = None) -> dict[str, object]:
    return version_2(*accounts, logins=LOGINS, errors=errors)


CHECKING = account_2("CON-1", "1234.50")
LOAN = account_2("CON-2", "-900.00", id="ACT-3", name="Car loan")


class PatientServer(SimpleFinServer):
    """A SimpleFIN server that answers once it may."""

    may_answer = threading.Event()

    def answer(self, request: ReceivedRequest) -> Iterable[bytes]:
        assert self.may_answer.wait(60)
        return super().answer(request)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[PatientServer]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ProviderServer(context).serving() as server:
        bank = PatientServer(server, told(CHECKING, LOAN))
        bank.may_answer.set()
        yield bank


@pytest.fixture
def served(tmp_path: Path, bank: PatientServer) -> Iterator[Served]:
    settings = {
        "DASHTAM_OUTBOUND_HOSTS": f"localhost:{bank.server.port}",
        "DASHTAM_OUTBOUND_CA_FILE": str(tmp_path / "ca.pem"),
        "DASHTAM_SYNC_SPACING_MINUTES": "0",
    }
    with serving(tmp_path / "data", **settings) as running:
        yield running


def check(person: Person) -> None:
    assert person.field_errors() == []
    assert person.overflow() <= 0


def connect(person: Person, bank: PatientServer) -> Locator:
    page = person.page
    page.get_by_role("button", name="Connect", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Provider", exact=True).select_option("simplefin")
    expect(dialog.get_by_role("link", name="Where SimpleFIN gives them")).to_be_visible()
    dialog.get_by_label("Setup token").fill(bank.token)
    dialog.get_by_label("Name (optional)").fill("Our bridge")
    check(person)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    card = page.get_by_role("region", name="Our bridge")
    expect(card.get_by_text("Working")).to_be_visible()
    expect(card.get_by_text("First sync of Our bridge")).to_be_visible()
    return card


def follow_a_sync(card: Locator, bank: PatientServer) -> None:
    """Refresh while the bank hesitates: each account says that it is read, then its result."""
    bank.accounts = told(account_2("CON-1", "0.00"), LOAN, errors=[SIGN_IN])
    bank.may_answer.clear()
    card.get_by_role("button", name="Refresh").click()
    expect(card.get_by_text("Being read", exact=True)).to_have_count(2)
    expect(card.get_by_text("SimpleFIN is being asked.")).to_be_visible()
    bank.may_answer.set()
    expect(card.get_by_text("Needs a look")).to_be_visible()
    alder, beech = card.locator(".institution").all()
    expect(alder).to_contain_text("Alder Creek Bank Sign-in needed")
    expect(alder).to_contain_text("asks you to sign in again")
    expect(beech).to_contain_text("1 balance recorded")
    expect(card.get_by_text("asks you to sign in again").locator("visible=true")).to_have_count(1)


def join_and_separate(person: Person, card: Locator, bank: PatientServer) -> None:
    """Take a proposed join, undo it, and join the same two by hand."""
    page = person.page
    bank.accounts = told(account_2("CON-1", "1234.50", id="ACT-NEW"), LOAN)
    card.get_by_role("button", name="Refresh").click()
    card.get_by_role("button", name="They are one account").click()
    separate = card.get_by_role("button", name="Separate Everyday Checking")
    separate.click()
    expect(page.get_by_role("dialog")).to_contain_text("It becomes 2 accounts again")
    page.get_by_role("button", name="Separate", exact=True).click()
    expect(card.get_by_text("3 accounts")).to_be_visible()
    change(card, "Join accounts …")
    dialog = page.get_by_role("dialog")
    twins = dialog.get_by_label("Account", exact=True).locator("option")
    expect(twins.filter(has_text="Alder Creek Bank · USD · since")).to_have_count(2)
    check(person)
    dialog.get_by_role("button", name="Join", exact=True).click()
    expect(separate).to_be_visible()


def change(card: Locator, name: str) -> None:
    button = card.get_by_role("button", name=name)
    if not button.is_visible():
        card.get_by_text("Change this connection").click()
    button.click()


def change_and_end(person: Person, card: Locator) -> None:
    page = person.page
    change(card, "Rename …")
    page.get_by_role("dialog").get_by_label("Name").fill("All banks")
    page.get_by_role("button", name="Rename", exact=True).click()
    card = page.get_by_role("region", name="All banks")
    expect(card).to_be_visible()
    change(card, "Replace the credentials …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Setup token").fill("no token")
    dialog.get_by_role("button", name="Replace and sync").click()
    expect(dialog.locator(".is-invalid .hint")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    change(card, "Disconnect …")
    expect(dialog).to_contain_text("It stays: 2 accounts with all balances")
    check(person)
    dialog.get_by_role("button", name="Disconnect", exact=True).click()
    expect(card.get_by_role("button", name="Connect again")).to_be_visible()
    expect(card.get_by_role("link", name="Car loan")).to_be_visible()


def test_a_connection_is_led_from_its_card(
    opening: Opening, served: Served, bank: PatientServer
) -> None:
    served.register()
    person = opening("dark", PHONE)
    person.expected.append("422")
    person.sign_in()
    person.visit("Connections")
    card = connect(person, bank)
    follow_a_sync(card, bank)
    check(person)
    join_and_separate(person, card, bank)
    change_and_end(person, card)


def test_a_consent_that_ends_is_renewed_at_the_bank(opening: Opening, served: Served) -> None:
    served.register()
    served.ask("POST", "/connections", {"provider": "demo", "credentials": {"seed": "heron"}})
    (connection,) = served.ask("GET", "/connections")["connections"]
    end = datetime.now(UTC) + timedelta(days=5)  # noqa: TID251 - the browser's clock is the real one
    person = opening()
    orders: list[object] = []

    def answer_connections(route: Route) -> None:
        changed = {"provider": "enable_banking", "expires_at": end.isoformat()}
        route.fulfill(json={"connections": [connection | changed], "next_cursor": None})

    def answer_authorizations(route: Route) -> None:
        orders.append(route.request.post_data_json)
        route.fulfill(
            status=201, json={"url": f"{served.url}/settings", "expires_at": end.isoformat()}
        )

    person.page.route("**/api/v1/connections?*", answer_connections)
    person.page.route("**/api/v1/connections", answer_connections)
    person.page.route("**/api/v1/authorizations", answer_authorizations)
    person.sign_in()
    person.visit("Connections")
    card = person.page.get_by_role("region", name="Demonstration")
    expect(card.get_by_text("in 5 days")).to_be_visible()
    check(person)
    card.locator(".notice").get_by_role("button", name="Sign in again").click()
    person.page.get_by_role("heading", name="Settings").wait_for()
    assert orders == [{"connection_id": connection["id"]}]


def test_runs_have_their_names_days_and_numbers(opening: Opening, served: Served) -> None:
    served.register()
    yesterday = TODAY - timedelta(days=1)
    rows = f"{yesterday},1100,Giro,EUR\n{TODAY},1200,Giro,EUR\n"
    served.import_file("konto.csv", f"Date,Balance,Account,Currency\n{rows}".encode())
    served.account("House", "EUR", "1.00")
    person = opening(size=PHONE)
    person.sign_in()
    person.visit("Connections")
    runs = person.page.get_by_role("list", name="Runs of")
    expect(runs.filter(has_text="konto.csv")).to_contain_text("CSV · ")
    expect(runs.filter(has_text="konto.csv")).to_contain_text("2 balances recorded · Giro")
    expect(runs.filter(has_text="Typed balance")).to_contain_text("1 balance recorded · House")
    expect(person.page.locator("main")).not_to_contain_text("sync")
    check(person)
