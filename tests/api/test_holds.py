"""Live balances that are likely wrong: held, released by a later sync or their owner, rejected."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from api.problem_assertions import assert_problem
from api.test_corrections import assert_sound
from application import App, Person
from dashtam.application.provider import Report
from dashtam.domain.statement import Reading
from scripted_provider import account, position, problem


class Bank:
    """A connection with one account; ``sync`` lets hours pass, then reports a balance."""

    def __init__(self, app: App, person: Person, **first: Any) -> None:  # noqa: ANN401 - fields of AccountReport
        self.app, self.person = app, person
        app.provider.usual = Report([account(**first)])
        self.id = app.connected(person)["id"]
        (found,) = person.get("/accounts").json()["accounts"]
        self.account_id = found["id"]

    def sync(self, balance: str, hours: float = 24, **more: Any) -> Any:  # noqa: ANN401 - JSON
        self.app.clock.advance(hours=hours)
        warnings = more.pop("warnings", ())
        self.app.provider.usual = Report([account(balance, **more)], warnings)
        done = self.person.post(f"/connections/{self.id}/syncs", json={"force": True})
        assert done.status_code == 201, done.text
        return done.json()

    @property
    def balances(self) -> list[str]:
        return [one["balance"] for one in self.person.history(self.account_id)["snapshots"]]

    @property
    def latest(self) -> str:
        (found,) = self.person.get("/balance-snapshots").json()["snapshots"]
        assert found == self.person.history(self.account_id)["snapshots"][-1]
        shown: str = found["balance"]
        return shown

    @property
    def held(self) -> list[tuple[str, str]]:
        found = self.person.get("/holds").json()
        assert found["total_count"] == len(found["holds"])
        return [(one["rule"], one["balance"]) for one in found["holds"]]

    def decide(self, decision: str) -> Any:  # noqa: ANN401 - a response
        hold = self.person.get("/holds").json()["holds"][0]
        return self.person.post(f"/holds/{hold['id']}/decision", json={"decision": decision})


@pytest.fixture
def bank(app: App, ada: Person) -> Bank:
    return Bank(app, ada, balance="1000.00")


@pytest.mark.parametrize(
    ("balance", "rule"),
    [
        ("10000.00", "factor"), ("10299.99", "factor"), ("100.00", "factor"),
        ("100000.00", "factor"), ("10.00", "factor"), ("-1000.00", "sign_flip"),
        ("-981.00", "sign_flip"), ("10301.00", None), ("9000.00", None), ("-979.00", None),
        ("0.00", None), ("1000.00", None), ("0.01", None)
    ],
)  # fmt: skip
def test_an_unlikely_balance_is_recorded_and_counts_for_nothing(
    app: App, bank: Bank, balance: str, rule: str | None
) -> None:
    run = bank.sync(balance)
    (outcome,) = run["accounts"]
    assert run["recorded"] == 1
    if rule is None:
        assert (bank.held, bank.latest, run["state"]) == ([], balance, "succeeded")
    else:
        assert (bank.held, bank.balances, bank.latest) == (
            [(rule, balance)],
            ["1000.00"],
            "1000.00",
        )
        assert (outcome["state"], outcome["code"]) == ("partial", "held")
        assert "It does not count until you release it" in outcome["detail"]
        assert bank.person.get("/balance-history", params=YEAR).json()["series"][0]["points"][-1][
            "balance"
        ] == ("1000.00")
    assert_sound(app)


YEAR = {"start_date": "2026-01-01", "end_date": "2027-01-01", "interval": "month"}


def test_a_zero_is_held_where_the_provider_warns_or_the_account_was_never_near_it(
    app: App, ada: Person
) -> None:
    bank = Bank(app, ada, balance="1000.00")
    bank.sync("0.00", problems=[problem()])
    assert bank.held == [("sudden_zero", "0.00")]
    bank.sync("1010.00")
    bank.sync("0.00", warnings=["Scripted Bank may need attention."])
    assert len(bank.held) == 2
    for number in range(30):
        bank.sync(f"{1000 + number}.00")
    bank.sync("0.00")
    assert len(bank.held) == 3
    bank.sync("1050.00")
    # Near zero once: from then on zero is nothing unheard of.
    bank.sync("40.00")
    bank.sync("1050.00")
    bank.sync("0.00")
    assert len(bank.held) == 3
    assert bank.latest == "0.00"
    assert_sound(app)


def test_a_paid_off_card_is_not_held(app: App, ada: Person) -> None:
    bank = Bank(app, ada, balance="-500.00")
    ada.patch(f"/accounts/{bank.account_id}", json={"account_type": "credit_card"})
    for number in range(31):
        bank.sync(f"-{500 + number}.00")
    bank.sync("0.00")
    assert (bank.held, bank.latest) == ([], "0.00")


def test_positions_that_vanish_or_disagree_with_the_total(app: App, ada: Person) -> None:
    at = app.clock()
    vti = position("VTI", "900.00", at)
    bank = Bank(app, ada, balance="1000.00", positions=[vti])

    def symbols() -> list[str]:
        return [one["symbol"] for one in ada.get("/holdings").json()["holdings"]]

    bank.sync("0.00", positions=[])
    assert (bank.held, symbols()) == ([("sudden_zero", "0.00")], ["VTI"])
    bank.sync("1001.00", positions=[vti])
    bank.app.clock.advance(hours=24)
    reading = Reading(at, Decimal("1200.00"), cash_value=Decimal("100.00"))
    report = account(positions=[position("VTI", "1000.00", at)])
    app.provider.usual = Report(
        [type(report)(report.identity, reading, positions=report.positions)]
    )
    assert ada.post(f"/connections/{bank.id}/syncs").status_code == 201
    assert bank.held[0] == ("positions_disagree", "1200.00")
    assert bank.latest == "1001.00"


def test_a_later_sync_that_says_the_same_releases_and_an_early_one_does_not(
    app: App, bank: Bank
) -> None:
    bank.sync("10000.00")
    bank.sync("10010.00", hours=5.9)
    assert (bank.latest, len(bank.held)) == ("1000.00", 2)
    bank.sync("10400.00", hours=0.2)
    assert bank.held == []
    assert bank.balances == ["1000.00", "10000.00", "10010.00", "10400.00"]
    assert bank.latest == "10400.00"
    assert_sound(app)
    # And as it was known before.
    known_at = bank.person.history(bank.account_id)["snapshots"][2]["created_at"]
    past = bank.person.history(bank.account_id, known_at=known_at)["snapshots"]
    assert [one["balance"] for one in past] == ["1000.00"]


def test_a_zero_of_which_the_provider_still_warns_releases_none(app: App, bank: Bank) -> None:
    for _ in range(3):
        bank.sync("0.00", problems=[problem()])
    assert (bank.latest, len(bank.held)) == ("1000.00", 3)
    bank.sync("0.00")
    assert (bank.latest, bank.held) == ("0.00", [])
    assert_sound(app)


def test_a_balance_that_comes_back_right_leaves_the_held_one_to_its_owner(bank: Bank) -> None:
    bank.sync("100000.00")
    bank.sync("1001.00")
    assert (bank.latest, len(bank.held)) == ("1001.00", 1)
    # A year later such a balance is likely again, and says nothing of the old one.
    bank.sync("99000.00", hours=24 * 365)
    bank.sync("99000.00")
    assert [held for _, held in bank.held] == ["100000.00"]
    assert bank.latest == "99000.00"


@pytest.mark.parametrize("decision", ["release", "reject"])
def test_the_owner_decides_once(app: App, bank: Bank, decision: str) -> None:
    bank.sync("10000.00")
    bank.sync("1001.00")
    path = f"/holds/{bank.person.get('/holds').json()['holds'][0]['id']}/decision"
    for _ in range(2):
        decided = bank.person.post(path, json={"decision": decision})
        assert (decided.status_code, decided.json()["decision"]) == (201, decision)
        assert decided.json()["previous_balance"] == "1000.00"
    other = {"release": "reject", "reject": "release"}[decision]
    assert_problem(bank.person.post(path, json={"decision": other}), 409)
    assert bank.held == []
    expected = ["1000.00", "10000.00", "1001.00"]
    assert bank.balances == [one for one in expected if decision == "release" or one != "10000.00"]
    assert bank.latest == "1001.00"
    assert_sound(app)


def test_a_rejected_balance_that_is_told_again_is_held_again(bank: Bank) -> None:
    bank.sync("10000.00")
    assert bank.decide("reject").status_code == 201
    for _ in range(3):
        bank.sync("10000.00")
    assert (len(bank.held), bank.latest) == (3, "1000.00")
    assert bank.decide("release").status_code == 201
    bank.sync("10005.00")
    assert bank.latest == "10005.00"


def test_nobody_else_sees_or_decides(app: App, bank: Bank) -> None:
    grace = app.person("grace@example.com")
    bank.sync("10000.00")
    hold = bank.person.get("/holds").json()["holds"][0]["id"]
    assert grace.get("/holds").json() == {"holds": [], "total_count": 0}
    assert_problem(grace.post(f"/holds/{hold}/decision", json={"decision": "release"}), 404)
    assert len(bank.held) == 1


def test_an_account_whose_owner_wants_no_holds_has_none(bank: Bank) -> None:
    patched = bank.person.patch(f"/accounts/{bank.account_id}", json={"holds_unlikely": False})
    assert (patched.status_code, patched.json()["holds_unlikely"]) == (200, False)
    bank.sync("10000.00")
    assert (bank.held, bank.latest) == ([], "10000.00")


def test_another_currency_is_held_while_the_old_one_is_silent(app: App, ada: Person) -> None:
    bank = Bank(app, ada, balance="1000.00")
    bank.sync("900.00", currency="EUR")
    assert bank.held == [("currency_change", "900.00")]
    bank.sync("901.00", hours=2, currency="EUR")
    assert len(bank.held) == 2
    bank.sync("905.00", currency="EUR")
    assert bank.held == []
    latest = ada.get("/balance-snapshots").json()["total_balance_by_currency"]
    assert latest == {"EUR": "905.00", "USD": "1000.00"}


def test_holds_of_a_retracted_run_are_gone(bank: Bank) -> None:
    run = bank.sync("10000.00")
    assert bank.person.delete(f"/syncs/{run['id']}").status_code == 204
    assert bank.held == []
    bank.sync("1002.00")
    assert bank.balances == ["1000.00", "1002.00"]


def test_a_held_balance_that_is_taken_back_is_never_released(app: App, bank: Bank) -> None:
    bank.sync("10000.00")
    hold = bank.person.get("/holds").json()["holds"][0]
    path = f"/accounts/{bank.account_id}/balance-snapshots/{hold['id']}"
    for _ in range(2):
        assert bank.person.delete(path, json={"reason": "An outage."}).status_code == 204
    assert bank.held == []
    assert_problem(bank.person.post(f"/holds/{hold['id']}/decision", json=RELEASE), 404)
    bank.sync("10005.00")
    assert bank.balances == ["1000.00"]
    assert_sound(app)


RELEASE = {"decision": "release"}


def test_positions_that_disagree_for_ever_are_held_until_they_are_accepted(
    app: App, ada: Person
) -> None:
    at = app.clock()
    bank = Bank(app, ada, balance="1000.00")
    report = account(positions=[position("VTI", "700.00", at)])
    for day in range(6):
        reading = Reading(at, Decimal(1000 + day), cash_value=Decimal("100.00"))
        bank.app.clock.advance(hours=24)
        app.provider.usual = Report([replace(report, current=reading)])
        assert ada.post(f"/connections/{bank.id}/syncs").status_code == 201
        assert len(bank.held) == (1 if day == 0 else 0)
    assert bank.latest == "1005.00"
    assert_sound(app)


def test_positions_that_vanish_beside_the_total_are_held(app: App, ada: Person) -> None:
    at = app.clock()
    bank = Bank(app, ada, balance="1000.00", positions=[position("VTI", "900.00", at)])
    app.clock.advance(hours=24)
    reading = Reading(at, Decimal("1001.00"), cash_value=Decimal("100.00"))
    app.provider.usual = Report([replace(account(positions=[]), current=reading)])
    assert ada.post(f"/connections/{bank.id}/syncs").status_code == 201
    assert bank.held == [("positions_disagree", "1001.00")]
    assert [one["symbol"] for one in ada.get("/holdings").json()["holdings"]] == ["VTI"]


def test_a_balance_like_the_one_that_counts_is_not_held_with_an_older_one(bank: Bank) -> None:
    bank.sync("10000.00")
    bank.sync("10000.00", hours=1)
    older = bank.person.get("/holds").json()["holds"][1]["id"]
    assert bank.person.post(f"/holds/{older}/decision", json=RELEASE).status_code == 201
    bank.sync("10001.00", hours=1)
    assert (bank.latest, len(bank.held)) == ("10001.00", 1)
