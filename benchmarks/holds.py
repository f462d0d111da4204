"""How often true balances would be held, and how often planted faults are.

``python -m benchmarks.holds FOLDER`` reads the data of an installation, such as ``.demo``. Every
balance of every account is judged as if it had been reported live after those before it; then
again with each fault in its place.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import click

from dashtam.bootstrap import Installation
from dashtam.database.pagination import iterate_all
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account
from dashtam.domain.history.hold import CAN_BE_EMPTIED, HoldRule, LiveBalance, find_rule
from dashtam.domain.period import MIN_INSTANT

_PLAIN_ZERO: Final = "0 without a warning, not of a card, a line of credit or cash"
_FAULTS: Final[Mapping[str, Callable[[LiveBalance], LiveBalance]]] = {
    "0, the provider warns": lambda live: replace(live, balance=Decimal(0), is_warned=True),
    _PLAIN_ZERO: lambda live: replace(live, balance=Decimal(0)),
    "10 times": lambda live: replace(live, balance=live.balance * 10),
    "a tenth": lambda live: replace(live, balance=live.balance / 10),
    "100 times": lambda live: replace(live, balance=live.balance * 100),
    "a hundredth": lambda live: replace(live, balance=live.balance / 100),
    "the opposite sign": lambda live: replace(live, balance=-live.balance),
}


def _accounts(work: UnitOfWork) -> Iterator[Account]:
    for user in work.users.all():
        yield from iterate_all(partial(work.accounts.of_user, user.id))


def _judge(
    account: Account,
    balances: Sequence[Decimal],
    true: Counter[str],
    planted: Counter[tuple[str, bool]],
) -> None:
    """Count the rules that apply to true balances, and the faults that any rule finds."""
    for at in range(1, len(balances)):
        live = LiveBalance(account.account_type, balances[at], balances[at - 1])
        earlier = balances[:at]
        rule = find_rule(live, lambda earlier=earlier: earlier)  # type: ignore[misc]
        true["all"] += 1
        if rule is not None:
            true[rule] += 1
        if live.balance and live.previous:
            for name, fault in _FAULTS.items():
                if name == _PLAIN_ZERO and account.account_type in CAN_BE_EMPTIED:
                    continue
                found = find_rule(fault(live), lambda earlier=earlier: earlier)  # type: ignore[misc]
                planted[name, found is not None] += 1


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
def measure(data: Path) -> None:
    """Measure the holds on the histories of an installation."""
    true: Counter[str] = Counter()
    planted: Counter[tuple[str, bool]] = Counter()
    installation = Installation.open({"data": str(data)})
    try:
        with installation.services().database.read() as work:
            for account in _accounts(work):
                found = work.balance_snapshots.balances(account, MIN_INSTANT, None)
                _judge(account, [balance for _, _, balance in found], true, planted)
    finally:
        installation.close()
    click.echo(f"true balances: {true['all']:,}")
    for rule in HoldRule:
        click.echo(
            f"  held by {rule}: {true[rule]} ({1000 * true[rule] / true['all']:.2f} in 1,000)"
        )
    click.echo("planted faults, each in the place of every balance")
    for name in _FAULTS:
        held, missed = planted[name, True], planted[name, False]
        click.echo(f"  {name}: {100 * held / (held + missed):.1f} % held of {held + missed:,}")


if __name__ == "__main__":
    measure()
