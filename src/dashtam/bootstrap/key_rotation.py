"""Resealing: after a rotation of the keys, all credentials under the newest one, row by row."""

from collections.abc import Iterator
from uuid import UUID

from dashtam.application import credentials
from dashtam.database.unit_of_work import Database
from dashtam.domain.connection import ConnectionId
from dashtam.security.cipher import Place, Sealed, rewrap
from dashtam.security.key_ring import KeyRing

_BATCH = 100


def reseal(database: Database, ring: KeyRing) -> frozenset[bytes]:
    """Seal all credentials under the ring's newest key; return the ids of older keys still needed.

    It can be killed at any moment and run again: each row is whole before and after.
    """

    def replace(place: Place, before: bytes, anew: bytes) -> bool:
        with database.write() as work:
            return work.connections.replace_credentials(ConnectionId(UUID(place[1])), before, anew)

    return rewrap(ring, _rows(database), replace)


def _rows(database: Database) -> Iterator[Sealed]:
    after: ConnectionId | None = None
    while True:
        with database.read() as work:
            found = work.connections.sealed_credentials(after, _BATCH)
        for connection, sealed in found:
            yield credentials.place_of(connection), sealed
        if len(found) < _BATCH:
            return
        after = found[-1][0].id
