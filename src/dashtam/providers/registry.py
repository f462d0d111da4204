"""The live providers: ours, and those that other packages ship."""

# ruff: noqa: PLC0415 - most commands ask no provider, and start sooner without them

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from structlog import get_logger

from dashtam.application.provider import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "dashtam.providers"

_OTHER_NAME = "Its slug is not the name of its entry."
_log = get_logger()


def providers(others: "Iterable[EntryPoint] | None" = None) -> Mapping[str, Provider]:
    """Return every live provider by its slug, ours first.

    One of another package that cannot be used is named in the log and left out: it takes nobody
    else down with it, and none takes the place of ours.
    """
    from importlib.metadata import entry_points

    found = {provider.slug: provider for provider in _ours()}
    for entry in entry_points(group=GROUP) if others is None else others:
        if entry.name in found:
            _log.error("provider_left_out", entry=entry.name, reason="Its name is taken.")
            continue
        try:
            found[entry.name] = _loaded(entry)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in it, it is left out
            reason = str(error) if isinstance(error, _Unusable) else type(error).__name__
            _log.error("provider_left_out", entry=entry.name, reason=reason)
    return found


def _ours() -> tuple[Provider, ...]:
    from dashtam.providers.alpaca import Alpaca
    from dashtam.providers.demo import DemoProvider
    from dashtam.providers.ibkr_flex import IbkrFlex
    from dashtam.providers.simplefin import SimpleFin

    return SimpleFin(), IbkrFlex(), Alpaca(), DemoProvider()


def _loaded(entry: "EntryPoint") -> Provider:
    from dashtam.providers.conformance import shape_faults

    provider = entry.load()
    field_errors = list(shape_faults(provider))
    if field_errors:
        raise _Unusable(field_errors[0])
    if provider.slug != entry.name:
        raise _Unusable(_OTHER_NAME)
    usable: Provider = provider
    return usable


class _Unusable(Exception):
    """The reason, as a sentence."""
