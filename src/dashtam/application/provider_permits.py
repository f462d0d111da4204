"""Permits to ask providers: how many calls of one process may wait for an answer at a time."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Lock
from types import TracebackType
from typing import Final, Self

from dashtam.database.syncs.connections import AtLimit
from dashtam.domain.errors import Unavailable
from dashtam.domain.user import UserId

REQUEST_WAIT: Final = timedelta(seconds=30)
"""How long a request waits for a permit."""


class ProvidersBusy(Unavailable):
    """No permit became free for as long as a request waits."""

    detail = "Too many providers have not answered yet. Nothing was changed; try again in a minute."


@dataclass(eq=False, slots=True)
class Permit:
    """The permit of one call, in use until the end of its ``with`` block."""

    permits: "ProviderPermits"
    provider: str
    user_id: UserId
    _granted: Event = field(default_factory=Event)

    @property
    def is_granted(self) -> bool:
        """Whether the call may be made."""
        return self._granted.is_set()

    def grant(self) -> None:
        """Let the call be made."""
        self._granted.set()

    def wait(self, within: timedelta) -> bool:
        """Wait until the call may be made; False where the time ended before."""
        return self._granted.wait(within.total_seconds())

    def wait_or_raise(self, within: timedelta) -> None:
        """Wait until the call may be made.

        Raises:
            ProvidersBusy: the time ended before.
        """
        if not self.wait(within):
            raise ProvidersBusy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.permits.release(self)


@dataclass(slots=True)
class ProviderPermits:
    """The permits of one process: for each provider, for each user, and for all together.

    A hanging provider holds its own permits and those of its users. Calls wait in order, but
    those of a provider or a user at the limit let the others pass.
    """

    per_provider: int = 24
    per_user: int = 12
    in_all: int = 96
    _lock: Lock = field(default_factory=Lock)
    _waiting: dict[Permit, None] = field(default_factory=dict)
    _granted: set[Permit] = field(default_factory=set)

    def request(self, provider: str, user_id: UserId) -> Permit:
        """Return the permit of a call, which is granted now or later."""
        permit = Permit(self, provider, user_id)
        with self._lock:
            self._waiting[permit] = None
            self._grant()
        return permit

    def release(self, permit: Permit) -> None:
        """Give the permit to the next call."""
        with self._lock:
            self._granted.discard(permit)
            self._waiting.pop(permit, None)
            self._grant()

    def find_limits(self) -> AtLimit:
        """Return the providers and users of which no further call would be made at once."""
        with self._lock:
            requested = [*self._granted, *self._waiting]
        providers = Counter(one.provider for one in requested)
        users = Counter(one.user_id for one in requested)
        return AtLimit(
            everyone=len(requested) >= self.in_all,
            providers=[name for name, count in providers.items() if count >= self.per_provider],
            users=[user_id for user_id, count in users.items() if count >= self.per_user],
        )

    def _grant(self) -> None:
        providers = Counter(one.provider for one in self._granted)
        users = Counter(one.user_id for one in self._granted)
        for permit in list(self._waiting):
            if len(self._granted) >= self.in_all:
                return
            if (
                providers[permit.provider] < self.per_provider
                and users[permit.user_id] < self.per_user
            ):
                providers[permit.provider] += 1
                users[permit.user_id] += 1
                del self._waiting[permit]
                self._granted.add(permit)
                permit.grant()
