from datetime import UTC, datetime, timedelta

from dashtam.application.provider import Redirect
from dashtam.providers import conformance
from dashtam.providers.demo import BEGINS_ON, DemoProvider
from dashtam.providers.http_client import Outbound

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
NO_WAY_OUT = Outbound(resolver=lambda _host, _port: []).client()


def test_the_demonstration_is_the_same_for_the_same_seed() -> None:
    kept = DemoProvider().begin({"seed": "one"}, conformance.RETURN_TO, NO_WAY_OUT, now=NOW)
    assert not isinstance(kept, Redirect)
    first = DemoProvider().fetch(kept, NO_WAY_OUT, now=NOW, backfill=True)
    assert first == DemoProvider().fetch(kept, NO_WAY_OUT, now=NOW, backfill=True)
    other = DemoProvider().fetch({"seed": "two"}, NO_WAY_OUT, now=NOW, backfill=True)
    assert first != other
    assert list(conformance.report_faults(first, NOW)) == []


def test_the_demonstration_never_changes_its_past() -> None:
    earlier = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW - timedelta(days=40), backfill=True)
    later = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW, backfill=True)
    for before, after in zip(earlier.accounts, later.accounts, strict=True):
        assert list(before.history) == list(after.history[: len(before.history)])
        assert len(after.history) == (NOW.date() - BEGINS_ON).days


def test_the_demonstration_changes_every_minute() -> None:
    at = [NOW + timedelta(minutes=number) for number in range(5)]
    accounts = [
        DemoProvider().fetch({}, NO_WAY_OUT, now=now, backfill=False).accounts[-1] for now in at
    ]
    assert len({one.current.balance for one in accounts if one.current}) == 5
    assert all(not one.history for one in accounts)


def test_the_demonstration_is_a_plausible_household() -> None:
    accounts = DemoProvider().fetch({}, NO_WAY_OUT, now=NOW, backfill=True).accounts
    assert {one.identity.currency.code for one in accounts} == {"USD", "EUR"}
    kinds = {str(one.identity.account_type) for one in accounts}
    assert kinds == {"checking", "savings", "credit_card", "401k", "mortgage", "brokerage"}
    for one in accounts:
        owes = str(one.identity.account_type) in {"credit_card", "mortgage"}
        assert all((reading.balance < 0) == owes for reading in one.history)
        assert max(abs(reading.balance) for reading in one.history) < 400_000
