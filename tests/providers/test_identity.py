"""Accounts whose provider names them in other ways than before, from a server to the history."""

from collections.abc import Callable
from typing import Any

import pytest

from dashtam.domain.account import AccountType, AliasKind, Identity, InstitutionAlias
from dashtam.domain.account_alias import match, to_known
from dashtam.domain.money import Currency
from providers.bridge import ALDER, Bridge, account_2, org, version_2
from providers.simplefin_server import account, account_set


@pytest.mark.parametrize(
    "names",
    [
        org(id="ORG-1", name="Alder Creek Bank"),
        org(id="ORG-1", domain="alder.example"),
        org(id="alder.example"),
        org(domain="ALDER.example", name="Alder Creek"),
        org(name="ALDER CREEK BANK"),
    ],
)
def test_an_institution_that_is_named_in_another_way_is_the_same(
    bridge: Bridge, names: dict[str, str]
) -> None:
    bridge.tell(account_set(account(org=org(domain="alder.example", name="Alder Creek Bank"))))
    for balance in ("2.00", "3.00"):
        run = bridge.tell(account_set(account(org=names, balance=balance)))
        assert (run["state"], run["recorded"]) == ("succeeded", 1), run
    # And back again.
    bridge.tell(account_set(account(org=org(domain="alder.example"), balance="4.00")))
    assert bridge.balances() == [["1234.50", "2.00", "3.00", "4.00"]]


@pytest.mark.parametrize("login", [ALDER, {"name": "Mine", "org_url": "https://alder.example"}])
def test_the_second_version_continues_the_first_one_and_back(
    bridge: Bridge, login: dict[str, str]
) -> None:
    first = org(domain="alder.example", name="Alder Creek Bank")
    bridge.tell(account_set(account(org=first)))
    bridge.tell(version_2(account_2("CON-1", "2.00"), logins={"CON-1": login}))
    bridge.tell(account_set(account(org=first, balance="3.00")))
    bridge.tell(version_2(account_2("CON-1", "4.00"), logins={"CON-1": login}))
    assert bridge.balances() == [["1234.50", "2.00", "3.00", "4.00"]]


def test_one_id_at_two_institutions_is_two_accounts(bridge: Bridge) -> None:
    for day in (1, 2):
        run = bridge.tell(
            account_set(
                account(org=org(domain="alder.example", name="Bank"), balance=f"1{day}.00"),
                account(org=org(domain="beech.example", name="Bank"), balance=f"2{day}.00"),
            )
        )
        assert (run["state"], run["recorded"]) == ("succeeded", 2), run
    assert bridge.balances() == [["11.00", "12.00"], ["21.00", "22.00"]]


def test_one_id_at_two_logins_of_one_institution_is_two_accounts(bridge: Bridge) -> None:
    logins = {"CON-1": ALDER, "CON-2": ALDER}
    for day in (1, 2):
        accounts = [account_2("CON-1", f"1{day}.00"), account_2("CON-2", f"2{day}.00")]
        run = bridge.tell(version_2(*accounts[:: 3 - 2 * day], logins=logins))
        assert (run["state"], run["recorded"]) == ("succeeded", 2), run
    assert bridge.balances() == [["11.00", "12.00"], ["21.00", "22.00"]]


def test_an_account_that_may_be_either_of_two_is_not_recorded(bridge: Bridge) -> None:
    logins = {"CON-1": ALDER, "CON-2": ALDER}
    both = account_2("CON-1", "1.00"), account_2("CON-2", "2.00")
    bridge.tell(version_2(*both, logins=logins))
    run = bridge.tell(account_set(account(org=org(id="ORG-1"), balance="3.00")))
    assert run["recorded"] == 0
    assert [one["code"] for one in run["accounts"]] == ["ambiguous_account"] * 2
    assert bridge.balances() == [["1.00"], ["2.00"]]


def test_a_second_login_leaves_the_account_of_the_first_version_where_its_name_is(
    bridge: Bridge,
) -> None:
    bridge.tell(account_set(account(org=org(id="ORG-1"), name="Mine", balance="1.00")))
    logins = {"CON-1": ALDER, "CON-2": ALDER}
    accounts = [account_2("CON-2", "5.00", name="Hers"), account_2("CON-1", "2.00", name="Mine")]
    bridge.tell(version_2(*accounts, logins=logins))
    assert bridge.balances() == [["1.00", "2.00"], ["5.00"]]


def test_two_currencies_of_an_account_stay_two(bridge: Bridge) -> None:
    names = org(domain="alder.example"), org(id="ORG-1", domain="alder.example")
    for one in names:
        bridge.tell(account_set(account(org=one), account(org=one, currency="EUR", balance="1.00")))
    assert bridge.balances() == [["1.00", "1.00"], ["1234.50", "1234.50"]]


def test_a_new_connection_continues_the_accounts_of_one_that_is_disconnected(
    bridge: Bridge,
) -> None:
    bridge.tell(version_2(account_2("CON-1", "1.00"), logins={"CON-1": ALDER}))
    before = bridge.accounts
    assert bridge.person.delete(f"/connections/{bridge.connection_id}").status_code == 204
    bridge.connection_id = ""
    bridge.tell(version_2(account_2("CON-7", "2.00"), logins={"CON-7": ALDER}))
    assert [one["id"] for one in bridge.accounts] == [one["id"] for one in before]
    assert bridge.balances() == [["1.00", "2.00"]]


@pytest.fixture
def known(bridge: Bridge) -> Callable[..., Any]:
    """Match a report with these names against the only account, which has others."""
    bridge.tell(account_set(account(org=org(id="ORG-1", name="Bank"))))

    def find(*names: InstitutionAlias, external_id: str = "ACT-1") -> bool:
        with bridge.app.services.database.read() as work:
            accounts = work.accounts.of_connection(bridge.app.connection(bridge.connection_id).id)
            recorded = to_known(accounts, work.accounts.aliases(accounts))
        identity = Identity("", "", external_id, "Other", Currency.of("USD"), AccountType.CASH,
                            institution_aliases=names)  # fmt: skip
        return "report" in match({"report": identity}, recorded).found

    return find


def test_a_weaker_name_does_not_outweigh_a_stronger_one(known: Callable[..., bool]) -> None:
    name = InstitutionAlias(AliasKind.NAME, "bank")
    assert known(name)
    assert known(InstitutionAlias(AliasKind.ID, "ORG-1"))
    assert known(InstitutionAlias(AliasKind.DOMAIN, "any.example"), name)
    assert not known(InstitutionAlias(AliasKind.ID, "ORG-2"), name)
    assert not known(name, external_id="ACT-2")
    assert not known(InstitutionAlias(AliasKind.DOMAIN, "bank"))


def test_an_account_in_another_currency_says_what_became_of_the_old_one(bridge: Bridge) -> None:
    one = account_set(account(balance="10.00"))
    bridge.tell(one)
    for _ in range(2):
        run = bridge.tell(account_set(account(balance="9.00", currency="EUR")))
        (old,) = [one for one in run["accounts"] if one["code"] == "currency_changed"]
        assert "in EUR instead of USD" in old["detail"]
        assert "keeps its history" in old["detail"]
