"""The number that a server tells for a bank that it cannot read is no balance."""

from typing import Any

import pytest

from providers.bridge import ALDER, Bridge, account_2, org, version_2
from providers.simplefin_server import account, account_set

BEECH = {"name": "Beech Union", "org_id": "ORG-2"}
LOGINS = {"CON-1": ALDER, "CON-2": BEECH}
ONE = account_2("CON-1", "10.00"), account_2("CON-1", "20.00", id="ACT-2")
OTHER = account_2("CON-2", "30.00", id="ACT-3")
EMPTY = account_2("CON-1", "0.00"), account_2("CON-1", "0.00", id="ACT-2")


def connection(bridge: Bridge) -> Any:  # noqa: ANN401 - JSON
    return bridge.person.get(f"/connections/{bridge.connection_id}").json()


@pytest.mark.parametrize(
    ("code", "outcome", "advice"),
    [
        ("con.auth", "sign_in_needed", "Alder Creek Bank asks you to sign in again"),
        ("con.", "institution_failed", "cannot read Alder Creek Bank"),
        ("con.some-new-one", "institution_failed", "cannot read Alder Creek Bank"),
    ],
)
def test_the_zeros_of_a_connection_that_failed_are_not_recorded(
    bridge: Bridge, code: str, outcome: str, advice: str
) -> None:
    bridge.tell(version_2(*ONE, OTHER, logins=LOGINS))
    error = {"code": code, "msg": "Please look", "conn_id": "CON-1"}
    run = bridge.tell(version_2(*EMPTY, OTHER, logins=LOGINS, errors=[error]))
    assert (run["state"], run["recorded"]) == ("partial", 1)
    assert [one["code"] for one in run["accounts"]] == [outcome, outcome, None]
    shown = connection(bridge)
    assert shown["state"] == "needs_attention"
    assert advice in shown["detail"]
    assert bridge.balances() == [["10.00"], ["20.00"], ["30.00", "30.00"]]
    run = bridge.tell(version_2(*ONE, OTHER, logins=LOGINS))
    assert (run["state"], run["recorded"], connection(bridge)["state"]) == (
        "succeeded", 3, "active",
    )  # fmt: skip


def test_an_account_that_failed_is_left_out_alone(bridge: Bridge) -> None:
    bridge.tell(version_2(*ONE, logins=LOGINS))
    error = {"code": "act.failed", "message": "No", "conn_id": "CON-1", "account_id": "ACT-2"}
    run = bridge.tell(version_2(*EMPTY, logins=LOGINS, errors=[error]))
    assert [one["code"] for one in run["accounts"]] == ["held", "account_failed"]
    assert connection(bridge)["state"] == "needs_attention"
    # The 0 of the other one is the usual case of a likely error, and is held.
    assert bridge.balances() == [["10.00"], ["20.00"]]


def test_a_failure_of_all_accounts_is_no_sync(bridge: Bridge) -> None:
    bridge.tell(version_2(*ONE, logins={"CON-1": ALDER}))
    # With one connection, an error without an id is about that one.
    run = bridge.tell(version_2(*EMPTY, logins={"CON-1": ALDER}, errors=[{"code": "con.auth"}]))
    assert (run["state"], run["code"], run["recorded"]) == ("failed", "needs_attention", 0)
    assert connection(bridge)["state"] == "needs_attention"


def test_a_general_warning_withholds_nothing(bridge: Bridge) -> None:
    bridge.tell(version_2(*ONE, logins=LOGINS))
    run = bridge.tell(version_2(*ONE, logins=LOGINS, errors=[{"code": "gen.new", "msg": "Hello"}]))
    assert (run["state"], run["recorded"]) == ("partial", 2)
    assert connection(bridge)["state"] == "active"


def test_an_account_that_fails_from_the_start_is_created_with_its_first_balance(
    bridge: Bridge,
) -> None:
    error = {"code": "con.auth", "conn_id": "CON-1"}
    bridge.tell(version_2(*EMPTY, OTHER, logins=LOGINS, errors=[error]))
    assert bridge.balances() == [["30.00"]]
    bridge.tell(version_2(*ONE, OTHER, logins=LOGINS))
    assert bridge.balances() == [["10.00"], ["20.00"], ["30.00", "30.00"]]


def test_a_sentence_of_the_first_version_names_an_institution(bridge: Bridge) -> None:
    alder, beech = org(name="Alder Creek Bank"), org(name="Alder")

    def tell(*balances: str, errors: list[str]) -> Any:  # noqa: ANN401 - JSON
        return bridge.tell(
            account_set(
                account(org=alder, balance=balances[0]),
                account(org=beech, id="ACT-2", balance=balances[1]),
                errors=errors,
            )
        )

    tell("10.00", "20.00", errors=[])
    run = tell("0", "20.00", errors=["Connection to Alder Creek Bank may need attention"])
    assert [one["code"] for one in run["accounts"]] == ["institution_failed", None]
    shown = connection(bridge)
    assert shown["state"] == "needs_attention"
    assert "Look at the connection there." in shown["detail"]
    run = tell("11.00", "21.00", errors=["Connection to Alderman may need attention"])
    assert (run["recorded"], connection(bridge)["state"]) == (2, "active")
    assert bridge.balances() == [["10.00", "11.00"], ["20.00", "20.00", "21.00"]]


def test_an_institution_that_is_not_in_the_answer_needs_attention(bridge: Bridge) -> None:
    alder, beech = org(name="Alder Creek Bank"), org(name="Beech Union")
    one = account(org=alder, balance="10.00")
    other = account(org=beech, id="ACT-2", balance="20.00")
    bridge.tell(account_set(one, other))
    run = bridge.tell(account_set(one))
    read, silent = run["accounts"]
    assert (read["code"], silent["code"]) == (None, "not_reported")
    shown = connection(bridge)
    assert shown["state"] == "needs_attention"
    # Once, although the account says it too.
    assert shown["detail"] == (
        "The provider reported no account of Beech Union, so its balances are not new: look at its"
        " connection there. If it has ended, close its accounts here."
    )
    assert silent["detail"].endswith(shown["detail"])
    (gone,) = [one for one in bridge.accounts if one["institution"] == "Beech Union"]
    closed = bridge.person.patch(f"/accounts/{gone['id']}", json={"closed_at": "2026-11-23"})
    assert closed.status_code == 200, closed.text
    assert bridge.tell(account_set(one))["state"] == "succeeded"
    assert connection(bridge)["state"] == "active"


def test_an_answer_without_any_account_needs_attention(bridge: Bridge) -> None:
    bridge.tell(account_set(account(org=org(name="Alder Creek Bank"), balance="10.00")))
    run = bridge.tell(account_set())
    assert (run["state"], run["code"]) == ("failed", "needs_attention")
    assert connection(bridge)["state"] == "needs_attention"


def test_an_account_that_is_missing_beside_others_of_its_institution_is_a_warning(
    bridge: Bridge,
) -> None:
    alder = org(name="Alder Creek Bank")
    one, other = account(org=alder), account(org=alder, id="ACT-2")
    bridge.tell(account_set(one, other))
    run = bridge.tell(account_set(one))
    assert [one["code"] for one in run["accounts"]] == [None, "not_reported"]
    assert connection(bridge)["state"] == "active"


def test_an_account_that_cannot_be_read_is_not_a_missing_institution(bridge: Bridge) -> None:
    one = account(org=org(name="Alder Creek Bank"))
    other = account(org=org(name="Beech Union"), id="ACT-2", name="Savings")
    bridge.tell(account_set(one, other))
    bridge.tell(account_set(one, other | {"currency": "XYZ"}))
    shown = connection(bridge)
    assert shown["state"] == "active"
    assert "Savings: currency is not a three-letter currency code" in shown["detail"]
    run = bridge.tell(account_set(one, other | {"balance": "1,234.5"}))
    assert run["detail"] == "Savings: balance is not an amount of money. No balance was recorded."
