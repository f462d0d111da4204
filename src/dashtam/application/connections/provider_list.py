"""The catalogue: everything that balances can come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashtam.application.connections import connections
from dashtam.application.ports import Services
from dashtam.application.provider import CredentialField
from dashtam.domain.connection import ProviderKind


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """Where balances can come from; only live ones ask for credentials."""

    slug: str
    name: str
    kind: ProviderKind
    credentials: Sequence[CredentialField] = ()


def known_providers(services: Services) -> Sequence[KnownProvider]:
    """Return everything that balances can come from: live, in files, typed; each by name."""
    live = [
        KnownProvider(one.slug, one.name, ProviderKind.API, one.credentials)
        for one in sorted(services.providers.values(), key=lambda one: one.name)
    ]
    files = [
        KnownProvider(one.slug, one.name, ProviderKind.FILE)
        for one in sorted(services.statement_files.formats(), key=lambda one: one.name)
    ]
    typed = KnownProvider(connections.MANUAL.key, connections.MANUAL.name, ProviderKind.MANUAL)
    return [*live, *files, typed]
