"""The requests that a provider may get in a day (UTC), counted before each is sent."""

from dataclasses import dataclass

from dashtam.application.ports import Services
from dashtam.application.provider import Provider, ProviderRateLimited
from dashtam.application.syncs.schedule import DAY, start_of_day
from dashtam.domain.connection import ConnectionId
from dashtam.domain.errors import Conflict


class ClaimLost(Conflict):
    """Another process claimed the connection, or it was disconnected."""

    detail = "The connection was taken over meanwhile."


@dataclass(frozen=True, slots=True)
class ProviderQuota:
    """The quota of one claim, counted in the database for as long as the claim holds."""

    services: Services
    provider: Provider
    connection_id: ConnectionId
    fence: int

    def count_request(self) -> None:
        """Count one request.

        Raises:
            ProviderRateLimited: the quota of the day is spent.
            ClaimLost: the claim holds no more.
        """
        with self.services.database.write() as work:
            today = start_of_day(work.now)
            budget = self.provider.pace.daily_budget
            if work.connections.count_request(self.connection_id, self.fence, today, budget):
                return
            live = work.connections.lock(self.connection_id)
            if live is None or live.fence != self.fence:
                raise ClaimLost
        raise quota_exhausted(self.services, self.provider)


@dataclass(slots=True)
class FirstQuota:
    """The same for a connection that is not in the database yet."""

    services: Services
    provider: Provider
    requests: int = 0

    def count_request(self) -> None:
        """Count one request.

        Raises:
            ProviderRateLimited: the quota of the day is spent.
        """
        if self.requests >= self.provider.pace.daily_budget:
            raise quota_exhausted(self.services, self.provider)
        self.requests += 1


def quota_exhausted(services: Services, provider: Provider) -> ProviderRateLimited:
    """Return the error for a spent quota; it lasts until the day (UTC) is over."""
    now = services.clock()
    detail = f"{provider.name} was asked as often as it may be today."
    return ProviderRateLimited(detail, start_of_day(now) + DAY - now)
