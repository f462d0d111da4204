"""The rotation of keys: credentials are sealed again under the newest key, row by row."""

from dashtam.application import credentials
from dashtam.application.provider import Unsealable
from dashtam.database.unit_of_work import Database
from dashtam.domain.connection import ConnectionId
from dashtam.security.cipher import KeyRingCipher, parse_key_id
from dashtam.security.key_ring import KeyRing, LiveKeyRing

_BATCH_ROWS = 100


def reseal_credentials(database: Database, ring: KeyRing) -> frozenset[bytes]:
    """Seal all credentials under the ring's newest key; return the ids of older keys still needed.

    Each row is committed by itself, so an interrupted call can be repeated. A row that cannot be
    opened, or that changed meanwhile, stays as it is and needs its key.
    """
    cipher = KeyRingCipher(LiveKeyRing(ring))
    needed: set[bytes] = set()
    after: ConnectionId | None = None
    while True:
        with database.read() as work:
            rows = work.connections.sealed_credentials(after, _BATCH_ROWS)
        for connection, sealed in rows:
            try:
                key_id = parse_key_id(sealed)
            except Unsealable:
                continue
            if key_id == ring.sealing_key.id:
                continue
            place = credentials.place_of(connection)
            try:
                resealed = cipher.seal(cipher.open(sealed, place), place)
            except Unsealable:
                needed.add(key_id)
                continue
            with database.write() as work:
                if not work.connections.replace_credentials(connection.id, sealed, resealed):
                    needed.add(key_id)
        if len(rows) < _BATCH_ROWS:
            return frozenset(needed)
        after = rows[-1][0].id
