"""The live providers: ours, and those of other packages."""

# ruff: noqa: PLC0415 - most commands use no provider, and start sooner without them

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dashtam.application.provider import Provider
from dashtam.log import log

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "dashtam.providers"


def load_providers(entries: "Iterable[EntryPoint] | None" = None) -> Mapping[str, Provider]:
    """Return every live provider by its slug, ours first; ``entries`` replace the installed ones.

    An unusable provider of another package is named in the log and left out: it breaks no other
    provider, and none replaces one of ours.
    """
    from importlib.metadata import entry_points

    found = {provider.slug: provider for provider in _make_ours()}
    for entry in entry_points(group=GROUP) if entries is None else entries:
        if entry.name in found:
            log.error("provider_left_out", entry=entry.name, reason="Its name is taken.")
            continue
        try:
            from dashtam.providers.conformance import shape_faults
            from dashtam.providers.version_1 import VersionOne, is_version_1

            loaded = entry.load()
            if is_version_1(loaded):
                loaded = VersionOne(loaded)
                log.warning("provider_of_version_1", entry=entry.name)
            provider: Provider = loaded
            reason = next(shape_faults(provider), "")
            if not reason and provider.slug != entry.name:
                reason = "Its slug is not the name of its entry."
            if not reason:
                found[entry.name] = provider
        except Exception as error:  # noqa: BLE001 - any error of another's code leaves it out
            reason = type(error).__name__
        if reason:
            log.error("provider_left_out", entry=entry.name, reason=reason)
    return found


def _make_ours() -> tuple[Provider, ...]:
    from dashtam.providers.akahu import Akahu
    from dashtam.providers.alpaca import Alpaca
    from dashtam.providers.demo import DemoProvider
    from dashtam.providers.enable_banking import EnableBanking
    from dashtam.providers.ibkr_flex import IbkrFlex
    from dashtam.providers.lunch_flow import LunchFlow
    from dashtam.providers.simplefin import SimpleFin
    from dashtam.providers.snap_trade import SnapTrade
    from dashtam.providers.trading_212 import Trading212

    return (
        SimpleFin(),
        EnableBanking(),
        Akahu(),
        LunchFlow(),
        SnapTrade(),
        IbkrFlex(),
        Alpaca(),
        Trading212(),
        DemoProvider(),
    )
