"""Finding the accounts of a provider's reports by every name that they ever had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dashtam.application.provider import AccountReport
from dashtam.application.syncs.claims import disconnect_locked
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.account_alias import AccountAlias, aliases_of, match, to_known
from dashtam.domain.connection import Connection, ConnectionId, ConnectionState
from dashtam.domain.money import Currency

ReportKey = tuple[str, Currency]
"""A report's account within its answer: its institution with its id there, and its currency."""


_GIVEN_UP: Final = frozenset({ConnectionState.DISCONNECTED, ConnectionState.NEEDS_REAUTHENTICATION})


@dataclass(slots=True)
class Identified:
    """The accounts of the reports of one answer.

    ``ambiguous`` are the reports that fit several accounts, which are ``confused`` then.
    ``aliases`` are the recorded names of all accounts that were considered.
    """

    found: dict[ReportKey, Account] = field(default_factory=dict)
    ambiguous: set[ReportKey] = field(default_factory=set)
    confused: list[Account] = field(default_factory=list)
    aliases: dict[AccountId, Sequence[AccountAlias]] = field(default_factory=dict)

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
    """Find the account of each report; those of connections that are given up move to this one.

    A connection is given up that is disconnected, or that needs other credentials: a new one to
    the same accounts is its reauthentication, and takes its place.

    ``own`` are the connection's accounts. An account that another connection feeds is found too,
    and stays there: two connections to one account would fork its history, or mix it silently.
    """
    identities = {key: report.identity for key, report in reports.items()}
    aliases = dict(work.accounts.aliases(own))
    matches = match(identities, to_known(own, aliases))
    identified = Identified(matches.found, set(matches.ambiguous), aliases=aliases)
    for rivals in matches.ambiguous.values():
        identified.confused += rivals
    identified.found |= _follow_predecessors(own, reports, identified)
    missing = {
        key: identity
        for key, identity in identities.items()
        if key not in identified.found and key not in matches.ambiguous
    }
    if missing:
        external_ids = {identity.external_id for identity in missing.values()}
        others = work.accounts.of_other_connections(connection, external_ids)
        aliases |= work.accounts.aliases([account for account, _ in others])
        for other, accounts in _by_connection(others):
            unknown = {key: one for key, one in missing.items() if key not in identified.found}
            known = to_known(accounts, aliases)
            elsewhere = match(unknown, known, ignores_logins=True)
            if other.state in _GIVEN_UP and elsewhere.found:
                moved = [account.id for account in elsewhere.found.values()]
                work.accounts.move(moved, connection.id, work.now)
                work.record_events("account_continued", connection.user_id, moved)
                identified.found |= {
                    key: replace(account, connection_id=connection.id)
                    for key, account in elsewhere.found.items()
                }
            else:
                identified.found |= elsewhere.found
            if other.state is ConnectionState.NEEDS_REAUTHENTICATION and elsewhere.found:
                _give_up(work, other)
    return identified


def _follow_predecessors(
    own: Sequence[Account], reports: Mapping[ReportKey, AccountReport], identified: Identified
) -> Mapping[ReportKey, Account]:
    """Find the accounts that the provider moved to new ids; each keeps its history."""
    moved = {
        key: replace(report.identity, external_id=report.predecessor)
        for key, report in reports.items()
        if report.predecessor and key not in identified.found and key not in identified.ambiguous
    }
    free = [account for account in own if account.id not in identified.reported_ids]
    return match(moved, to_known(free, identified.aliases)).found


def record_aliases(
    work: UnitOfWork, identified: Identified, reported: Iterable[tuple[Account, AccountReport]]
) -> None:
    """Record the names that the reports tell of their accounts and that are new."""
    told = {account.id: aliases_of(report.identity) for account, report in reported}
    recorded = identified.aliases
    work.accounts.add_aliases(
        {
            account_id: aliases.difference(recorded.get(account_id, ()))
            for account_id, aliases in told.items()
        },
        work.now,
    )


def _give_up(work: UnitOfWork, other: Connection) -> None:
    """Disconnect a connection that needs other credentials, once no account is left there."""
    live = work.connections.lock(other.id)
    if live is not None and not work.accounts.of_connection(other.id):
        disconnect_locked(work, live, "Another connection took its place.")


def _by_connection(
    accounts: Iterable[tuple[Account, Connection]],
) -> Iterable[tuple[Connection, list[Account]]]:
    grouped: dict[ConnectionId, tuple[Connection, list[Account]]] = {}
    for account, connection in accounts:
        grouped.setdefault(connection.id, (connection, []))[1].append(account)
    return grouped.values()
