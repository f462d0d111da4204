"""Finding the accounts of a provider's reports by every name that they ever had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dashtam.application.provider import AccountReport
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.account_alias import aliases_of, match, to_known
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState
from dashtam.domain.money import Currency

ReportKey = tuple[str, Currency]
"""A report's account within its answer: its institution with its id there, and its currency."""


@dataclass(slots=True)
class Identified:
    """The accounts of the reports of one answer.

    ``ambiguous`` are the reports that fit several accounts, which are ``confused`` then.
    """

    found: dict[ReportKey, Account] = field(default_factory=dict)
    ambiguous: set[ReportKey] = field(default_factory=set)
    confused: list[Account] = field(default_factory=list)

    @property
    def reported_ids(self) -> set[AccountId]:
        """The accounts that were found."""
        return {account.id for account in self.found.values()}


def identify(
    work: UnitOfWork,
    connection: Connection,
    own: Sequence[Account],
    reports: Mapping[ReportKey, AccountReport],
) -> Identified:
    """Find the account of each report; those of disconnected connections move to this one.

    ``own`` are the connection's accounts. An account that another connection feeds is found too,
    and stays there: two connections to one account would fork its history, or mix it silently.
    """
    identities = {key: report.identity for key, report in reports.items()}
    matches = match(identities, to_known(own, work.accounts.aliases(own)))
    identified = Identified(matches.found, set(matches.ambiguous))
    for rivals in matches.ambiguous.values():
        identified.confused += rivals
    missing = {
        key: identity
        for key, identity in identities.items()
        if key not in matches.found and key not in matches.ambiguous
    }
    if missing:
        external_ids = {identity.external_id for identity in missing.values()}
        others = work.accounts.of_other_connections(connection, external_ids)
        aliases = work.accounts.aliases([account for account, _ in others])
        for other, accounts in _by_connection(others):
            unknown = {key: one for key, one in missing.items() if key not in identified.found}
            known = to_known(accounts, aliases)
            elsewhere = match(unknown, known, ignores_logins=True)
            for key, account in elsewhere.found.items():
                if other.state is ConnectionState.DISCONNECTED:
                    work.accounts.move(account.id, connection.id, work.now)
                    work.record_event("account_continued", account.user_id, account.id)
                    account = replace(account, connection_id=connection.id)  # noqa: PLW2901 - moved
                identified.found[key] = account
    return identified


def record_aliases(work: UnitOfWork, reported: Iterable[tuple[Account, AccountReport]]) -> None:
    """Record the names that the reports tell of their accounts and that are new."""
    told = {account.id: (account, aliases_of(report.identity)) for account, report in reported}
    recorded = work.accounts.aliases([account for account, _ in told.values()])
    work.accounts.add_aliases(
        {
            account_id: aliases.difference(recorded.get(account_id, ()))
            for account_id, (_, aliases) in told.items()
        },
        work.now,
    )


def _by_connection(
    accounts: Iterable[tuple[Account, Connection]],
) -> Iterable[tuple[Connection, list[Account]]]:
    grouped: dict[ConnectionId, tuple[Connection, list[Account]]] = {}
    for account, connection in accounts:
        grouped.setdefault(connection.id, (connection, []))[1].append(account)
    return grouped.values()
