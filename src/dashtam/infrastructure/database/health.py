"""What the database says of its own health."""

from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from dashtam.infrastructure.database import migrate
from dashtam.infrastructure.database.tables import balance_snapshots, users


def is_reachable(engine: Engine) -> bool:
    """Tell whether a connection can be had."""
    try:
        with engine.connect():
            return True
    except SQLAlchemyError:
        return False


def is_current(engine: Engine) -> bool:
    """Tell whether the database answers and its schema is today's."""
    try:
        with engine.connect() as connection:
            return migrate.revision(connection) == migrate.HEAD
    except SQLAlchemyError:
        return False


def newest_recording(engine: Engine) -> datetime | None:
    """Return when the newest snapshot was recorded, None when there is none."""
    with engine.connect() as connection:
        newest: datetime | None = connection.scalar(
            select(func.max(balance_snapshots.c.created_at))
        )
        return newest


def holds_anything(engine: Engine) -> bool:
    """Tell whether anyone's data would be lost with this database."""
    with engine.connect() as connection:
        if migrate.revision(connection) is None:
            return False
        return connection.scalar(select(users.c.id).limit(1)) is not None
