"""The condition that leaves out the snapshots of retracted syncs."""

from typing import Final

from sqlalchemy import exists

from dashtam.database.tables import balance_snapshots, retractions

NOT_RETRACTED: Final = ~exists().where(retractions.c.sync_id == balance_snapshots.c.sync_id)
