"""What a provider may be asked in a day, counted in the database before each request."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from dashtam.application.ports import Services
from dashtam.application.provider import Provider, ProviderRateLimited
from dashtam.application.syncs.schedule import day_of
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import Conflict

_A_DAY: Final = timedelta(days=1)


class ClaimLost(Conflict):
    """Somebody else took the connection over, or it was disconnected."""

    detail = "The connection was taken over meanwhile."


@dataclass(frozen=True, slots=True)
class Budget:
    """One claim's right to ask a provider, as long as the claim holds and the day's budget does."""

    services: Services
    provider: Provider
    connection_id: ConnectionId
    fence: int

    def spend(self) -> None:
        """Count one request.

        Raises:
            ProviderRateLimited: the budget of the day (UTC) is spent.
            ClaimLost: the connection is somebody else's by now.
        """
        with self.services.database.write() as work:
            day = day_of(work.now)
            budget = self.provider.pace.daily_budget
            if work.connections.count_request(self.connection_id, self.fence, day, budget):
                return
            live = work.connections.lock(self.connection_id)
            if live is None or live.fence != self.fence:
                raise ClaimLost
        raise spent(self.services, self.provider)


@dataclass(slots=True)
class FirstBudget:
    """The same for a connection that is being made, and not in the database yet."""

    services: Services
    provider: Provider
    requests: int = 0

    def spend(self) -> None:
        """Count one request.

        Raises:
            ProviderRateLimited: the budget of the day is spent.
        """
        if self.requests >= self.provider.pace.daily_budget:
            raise spent(self.services, self.provider)
        self.requests += 1


def spent(services: Services, provider: Provider) -> ProviderRateLimited:
    """Return what to raise when the budget of the day is spent."""
    now = services.clock()
    detail = f"{provider.name} was asked as often as it may be today."
    # Not before tomorrow's budget begins, in UTC.
    return ProviderRateLimited(detail, _A_DAY - (now - day_of(now)))
