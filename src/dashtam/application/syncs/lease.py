"""Leases: a sync goes on as long as its process gives signs of life."""

from datetime import timedelta
from threading import Event, Thread
from typing import Final, Self

from dashtam.application.ports import Services
from dashtam.domain.errors import Unavailable
from dashtam.domain.sync import Sync

_LONGEST: Final = timedelta(minutes=15)


class LeaseHeartbeat:
    """Keeps a run's lease alive while its process does, for a quarter of an hour at most.

    A lease that ran out is not renewed: somebody else may have taken over.
    """

    def __init__(self, services: Services, sync: Sync) -> None:
        self._services = services
        self._sync = sync
        self._is_over = Event()
        self._thread = Thread(target=self._renew, name=f"lease {sync.id}", daemon=True)

    def __enter__(self) -> Self:
        """Start giving signs of life."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop it; what is left of the lease is for the result."""
        self._is_over.set()
        self._thread.join()

    def _renew(self) -> None:
        lease = self._services.options.sync_lease
        until_over = self._sync.started_at + _LONGEST
        while not self._is_over.wait(lease.total_seconds() / 3):
            try:
                with self._services.database.write() as work:
                    now = self._services.clock()
                    if now > until_over or not work.syncs.renew_lease(
                        self._sync.id, now + lease, now
                    ):
                        return
            except Unavailable:
                # The database may be back before the lease has run out.
                continue
