"""The list of providers: live ones, formats of statement files, and typing."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashtam.application.connections.connections import MANUAL
from dashtam.application.ports import Services
from dashtam.application.provider import CredentialField, Provider
from dashtam.domain.connection import ProviderKind


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """A source of balances; only live ones need credentials.

    ``help_url`` is the https address of the page that tells where they come from, None without one.
    """

    slug: str
    name: str
    kind: ProviderKind
    credentials: Sequence[CredentialField] = ()
    uses_browser: bool = False
    help_url: str | None = None


def known_providers(services: Services) -> Sequence[KnownProvider]:
    """Return the live providers by name, then the formats of files by name, then typing."""
    live = [
        KnownProvider(
            one.slug,
            one.name,
            ProviderKind.API,
            one.credentials,
            one.uses_browser,
            _find_help_url(one),
        )
        for one in sorted(services.providers.values(), key=lambda one: one.name)
    ]
    files = [
        KnownProvider(one.slug, one.name, ProviderKind.FILE)
        for one in sorted(services.statement_files.formats(), key=lambda one: one.name)
    ]
    return [*live, *files, KnownProvider(MANUAL.key, MANUAL.name, MANUAL.kind)]


def _find_help_url(provider: Provider) -> str | None:
    # An optional attribute, which most providers of other packages do not have.
    url = getattr(provider, "help_url", None)
    return url if isinstance(url, str) and url.startswith("https://") else None
