"""The page when something is missing: the network, the session, an answer, news."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Route, expect

from browser.driver import (
    EMAIL,
    LOOKS,
    TODAY,
    Opening,
    Served,
    balance_in,
    payload,
    statement,
)

INTERIM = (
    b"01,HARBOUR,CUSTOMER,250102,0600,1,,,2/\n02,CUSTOMER,HARBOUR,1,250101,,USD,2/\n"
    b"03,0012345,USD,030,1000,,/\n49,1000,2/\n98,1000,1,4/\n99,1000,1,6/\n"
)


@pytest.fixture
def history(served: Served) -> bytes:
    served.register()
    content = statement(400, TODAY)
    served.import_file("everyday.csv", content)
    return content


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_failing_answer_is_told_with_a_way_on(
    opening: Opening, history: bytes, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    person.expected.append("503")
    page = person.page
    person.sign_in()
    page.route("**/balance-history?*", fail)
    page.reload()
    expect(page.get_by_text("The database is resting.").first).to_be_visible()
    assert person.field_errors() == []
    page.unroute("**/balance-history?*")
    page.get_by_role("button", name="Try again").first.click()
    expect(page.locator(".canvas")).to_be_visible()
    assert balance_in(history, TODAY)


def fail(route: Route) -> None:
    problem = {
        "type": "https://api.dashtam.com/errors/unavailable",
        "title": "Unavailable",
        "status": 503,
        "detail": "The database is resting.",
        "instance": "/api/v1/balance-history",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    route.fulfill(status=503, json=problem, content_type="application/problem+json")


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_without_a_network_the_loaded_page_stays(
    opening: Opening, history: bytes, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    person.expected.append("net::ERR_INTERNET_DISCONNECTED")
    page = person.page
    person.sign_in()
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    total = page.locator(".total data").first
    expect(total).to_have_attribute("value", balance_in(history, TODAY))
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    expect(total).to_be_visible()
    assert person.field_errors() == []
    page.reload()
    expect(page.get_by_role("heading", name="Dashtam is out of reach")).to_be_visible()
    assert person.field_errors() == []
    page.context.set_offline(False)
    expect(page.locator(".total data").first).to_be_visible()


def test_nothing_of_the_user_is_kept_on_the_disk(opening: Opening, history: bytes) -> None:
    person = opening()
    page = person.page
    person.sign_in()
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    kept = page.evaluate(
        "caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name)"
        ".then((one) => one.keys())))).then((all) => all.flat().map((one) => one.url))"
    )
    assert kept
    assert not [url for url in kept if "/api/" in url]
    stored = page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert "eyJ" not in stored
    assert page.evaluate("document.cookie") == ""
    assert balance_in(history, TODAY) not in stored


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_session_that_was_ended_leads_to_signing_in(
    opening: Opening, history: bytes, look: tuple[str, tuple[int, int]]
) -> None:
    person = opening(*look)
    person.expected.append("401")
    page = person.page
    person.sign_in()
    # A request that is still on its way would be the first to be refused, and take the link along.
    page.locator(".sparkline").first.wait_for()
    person.settle()
    for session in person.served.ask("GET", "/sessions")["sessions"]:
        if not session["is_current"]:
            person.served.ask("DELETE", f"/sessions/{session['id']}")
    page.get_by_role("link", name="Everyday").click()
    expect(page.get_by_text("You were signed out.")).to_be_visible()
    assert person.field_errors() == []
    assert history


def test_signing_out_leaves_nothing_behind(opening: Opening, history: bytes) -> None:
    person = opening()
    page = person.page
    person.sign_in()
    person.visit("Settings")
    person.settle()
    page.get_by_role("button", name="Sign out here").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("data")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert history


def test_two_windows_keep_one_session(opening: Opening, history: bytes) -> None:
    person = opening()
    person.sign_in()
    for _ in range(3):
        person.page.reload()
        person.page.locator(".total data").first.wait_for()
    assert history


def test_old_news_is_called_stale(opening: Opening, served: Served) -> None:
    served.register()
    served.import_file("old.csv", statement(90, TODAY - timedelta(days=60)))
    person = opening()
    person.sign_in()
    expect(person.page.get_by_text("last heard")).to_be_visible()
    assert person.field_errors() == []


def test_a_file_that_cannot_be_read_says_line_and_reason(opening: Opening, served: Served) -> None:
    served.register()
    person = opening()
    person.expected.append("422")
    page = person.page
    person.sign_in()
    person.visit("Import")
    good = statement(3, TODAY).decode().replace("Everyday\n", "Everyday\nnonsense,1,Everyday\n", 1)
    bad = b"Tag;Betrag\n01/02/2026;1,50\n02/02/2026;2,50\n"
    page.locator("input[type=file]").set_input_files(
        [
            payload("good.csv", good.encode()),
            payload("bad.csv", bad),
        ]
    )
    expect(page.get_by_text(re.compile(r"^Line \d+:")).first).to_be_visible()
    expect(page.get_by_role("heading", name="Before this file can be read")).to_be_visible()
    assert person.field_errors() == []
    card = page.get_by_role("region", name="bad.csv", exact=True)
    card.get_by_label("Row of the header (0: none)").select_option("1")
    card.get_by_label("Column of the date").select_option(label="Tag")
    card.get_by_label("Column of the balance").select_option(label="Betrag")
    card.get_by_label("One account for all rows").fill("Sparbuch")
    card.get_by_label("One currency for all rows").fill("EUR")
    card.get_by_text("All other parts, as recognised").click()
    card.get_by_label("How dates are written").select_option(label="DD/MM/YYYY")
    card.get_by_label("Sign before fractions").select_option(label=",")
    card.get_by_role("button", name="Read it like this").click()
    expect(card.get_by_text("2 balances to record")).to_be_visible()
    page.get_by_role("button", name="Import all 2 files").click()
    expect(page.get_by_role("link", name="See the overview")).to_be_visible()


def test_it_can_be_installed(opening: Opening, served: Served) -> None:
    person = opening()
    person.open()
    link = person.page.locator("link[rel=manifest]").get_attribute("href")
    manifest = person.page.evaluate(f"fetch('/{link}').then((answer) => answer.json())")
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        status = person.page.evaluate(f"fetch('/{icon['src']}').then((answer) => answer.status)")
        assert status == 200
    assert person.page.evaluate("navigator.serviceWorker.ready.then((one) => one.scope)") == (
        f"{served.url}/"
    )


def test_an_unknown_address_has_a_page(opening: Opening, history: bytes) -> None:
    person = opening()
    person.expected.append("404")
    page = person.page
    person.sign_in()
    for path in ("/nowhere", "/settings/", "/accounts/xyz"):
        person.open(path)
        expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    person.open("/accounts/123e4567-e89b-42d3-a456-426614174000")
    expect(page.get_by_role("alert")).to_have_text("Account not found")
    assert person.field_errors() == []
    assert history


def test_a_wrong_password_is_told_in_one_sentence(opening: Opening, served: Served) -> None:
    served.register()
    person = opening()
    person.expected.append("401")
    page = person.page
    person.open()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("a heron under nine bridges")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The e-mail or the password is not right.")


def test_a_connection_refreshes_again_after_a_while(opening: Opening, served: Served) -> None:
    served.register()
    served.ask("POST", "/connections", {"provider": "demo", "credentials": {"seed": "heron"}})
    served.account("House", "EUR", "1.00")
    person = opening()
    person.expected.append("429")
    page = person.page
    person.sign_in()
    person.visit("Connections")
    live = page.get_by_role("region", name="Demonstration")
    for text in ("7 balances recorded", "Refresh again after"):
        live.get_by_role("button", name="Refresh").click()
        expect(live.get_by_text(text, exact=False).first).to_be_visible()
    expect(live.get_by_role("button", name="Retract")).to_have_count(0)
    page.get_by_role("button", name="Retract the typed balance").click()
    expect(page.get_by_role("dialog")).to_contain_text("the balance can be typed again")
    assert person.field_errors() == []


def test_a_refused_form_keeps_its_text(opening: Opening, served: Served) -> None:
    served.register()
    person = opening()
    page = person.page
    person.sign_in()
    person.visit("Connections")
    page.get_by_role("button", name="Add an account by hand").click()
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    typed = {"Name": "House", "Currency": "EUR", "Balance": "1,250", "On": yesterday}
    dialog = page.get_by_role("dialog")
    for label, text in typed.items():
        dialog.get_by_label(label, exact=True).fill(text)
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("can be read in two ways: type 1250, or 1.25.")).to_be_visible()
    for label, text in typed.items():
        expect(dialog.get_by_label(label, exact=True)).to_have_value(text)
    assert person.field_errors() == []
    dialog.get_by_label("Balance", exact=True).fill("1.250,50")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("You typed €1,250.50 (EUR) for ")).to_be_visible()
    assert served.ask("GET", "/accounts")["total_count"] == 0
    dialog.get_by_role("button", name="Yes, add it").click()
    page.get_by_role("heading", name="House").wait_for()
    assert served.ask("GET", "/accounts")["accounts"][0]["balance"] == "1250.50"


def test_a_balance_that_is_not_the_closing_one_is_remarked_before_it_is_recorded(
    opening: Opening, served: Served
) -> None:
    served.register()
    person = opening()
    page = person.page
    person.sign_in()
    person.visit("Import")
    page.locator("input[type=file]").set_input_files(payload("harbour.bai2", INTERIM))
    card = page.get_by_role("region", name="harbour.bai2")
    expect(card.get_by_text("1 balance to record")).to_be_visible()
    expect(card.get_by_text("the current ledger balance (030) was taken")).to_be_visible()
    card.get_by_role("button", name="Import", exact=True).click()
    expect(card.get_by_text("1 balance recorded")).to_be_visible()
    expect(card.get_by_text("the current ledger balance (030) was taken")).to_be_visible()
