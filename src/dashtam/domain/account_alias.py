"""Aliases: every name under which a provider reported an account, and finding it by them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from dashtam.domain.account import Account, AccountId, AliasKind, Identity, InstitutionAlias
from dashtam.domain.money import Currency

K = TypeVar("K")

_STRENGTH: Final = list(AliasKind)


@dataclass(frozen=True, slots=True)
class AccountAlias:
    """One name of an account: its id within an institution, which is named in one way."""

    institution: InstitutionAlias
    external_id: str
    currency: Currency


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account of a connection, and the institutions that were ever reported for it.

    ``external_ids`` are the ids of the account within them.
    """

    account: Account
    external_ids: frozenset[str]
    institutions: frozenset[InstitutionAlias]


@dataclass(slots=True)
class Matches(Generic[K]):
    """The accounts of reports by the reports' keys.

    ``ambiguous`` are the reports that fit several accounts, with these accounts.
    """

    found: dict[K, Account] = field(default_factory=dict)
    ambiguous: dict[K, Sequence[Account]] = field(default_factory=dict)


def aliases_of(identity: Identity) -> frozenset[AccountAlias]:
    """Return every name of the account that the report tells."""
    return frozenset(
        AccountAlias(institution, identity.external_id, identity.currency)
        for institution in identity.institutions
    )


def to_known(
    accounts: Iterable[Account], aliases: Mapping[AccountId, Collection[AccountAlias]]
) -> list[KnownAccount]:
    """Return the accounts with the names that are recorded for them."""
    return [
        KnownAccount(
            account,
            frozenset(alias.external_id for alias in aliases.get(account.id, ())),
            frozenset(alias.institution for alias in aliases.get(account.id, ())),
        )
        for account in accounts
    ]


def match(
    reports: Mapping[K, Identity], known: Iterable[KnownAccount], *, ignores_logins: bool = False
) -> Matches[K]:
    """Find each report's account: the same id and currency at the same institution.

    The strongest name of the institution that both tell decides: where it differs, no weaker name
    makes them the same. Each account is found by one report at most. ``ignores_logins`` for
    accounts of another connection, to which the provider may give other logins.
    """
    by_id: dict[tuple[str, Currency], list[KnownAccount]] = defaultdict(list)
    for one in known:
        for external_id in one.external_ids:
            by_id[external_id, one.account.currency].append(one)
    ranked: dict[tuple[int, int], list[tuple[K, Account]]] = defaultdict(list)
    for key, identity in reports.items():
        for one in by_id.get((identity.external_id, identity.currency), ()):
            rank = _rank(identity, one, ignores_logins=ignores_logins)
            if rank is not None:
                ranked[rank].append((key, one.account))
    matches: Matches[K] = Matches()
    taken: set[AccountId] = set()
    for _, pairs in sorted(ranked.items(), key=lambda item: item[0]):
        free = [
            (key, account)
            for key, account in pairs
            if key not in matches.found and key not in matches.ambiguous and account.id not in taken
        ]
        _assign(reports, free, matches, taken)
    return matches


def _rank(
    identity: Identity, known: KnownAccount, *, ignores_logins: bool
) -> tuple[int, int] | None:
    """Return how strongly both are the same, the strongest first; None where they are not."""
    for strength, kind in enumerate(_STRENGTH):
        told = {one for one in identity.institutions if one.kind is kind}
        recorded = {one for one in known.institutions if one.kind is kind}
        if told & recorded:
            return strength, -len(told & recorded)
        if told and recorded and not (ignores_logins and kind is AliasKind.LOGIN):
            return None
    return None


def _assign(
    reports: Mapping[K, Identity],
    pairs: Sequence[tuple[K, Account]],
    matches: Matches[K],
    taken: set[AccountId],
) -> None:
    """Assign the pairs of one rank: those of the same name first, then those without a rival."""
    named = [(key, account) for key, account in pairs if reports[key].name == account.name]
    for wanted in (named, pairs):
        rest = [
            (key, account)
            for key, account in wanted
            if key not in matches.found and account.id not in taken
        ]
        of_key = Counter(key for key, _ in rest)
        of_account = Counter(account.id for _, account in rest)
        for key, account in rest:
            if of_key[key] == of_account[account.id] == 1:
                matches.found[key] = account
                taken.add(account.id)
    for key, account in pairs:
        if key not in matches.found and account.id not in taken:
            # Several reports for one account are new accounts, for which a join is proposed.
            rivals = [other for one, other in pairs if one == key and other.id not in taken]
            if len(rivals) > 1:
                matches.ambiguous[key] = rivals
