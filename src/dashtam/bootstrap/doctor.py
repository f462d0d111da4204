"""The checks of ``dashtam doctor``: each looks at one thing and gives advice if it is not well."""

import os
import shlex
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashtam.bootstrap.heartbeat import SILENT_S, longest_silence_s
from dashtam.bootstrap.private_files import exposure_text
from dashtam.database import health
from dashtam.presentation.cli.installation import Check
from dashtam.rate_limit.redis import RedisBuckets
from dashtam.security.key_ring import KeyRing, KeyRingUnreadable

_MAX_PATHS = 10
_MIN_FREE_BYTES = 500 * 1024 * 1024
_MAX_CLOCK_LAG = timedelta(minutes=5)
_MAX_SYNC_DELAY = timedelta(hours=1)


def check_data_folder(data: Path) -> Check:
    """Check that the data folder is writable and has space."""
    if not data.is_dir() or not os.access(data, os.W_OK):
        return _check("data folder", f"{data} cannot be written.", "Choose another with --data.")
    free_bytes = shutil.disk_usage(data).free
    found = f"{data}, {free_bytes // 1024**2:,} MiB free."
    if free_bytes < _MIN_FREE_BYTES:
        return _check("data folder", found, "Make room: a full disk refuses every sync.")
    return _check("data folder", found)


def check_access(exposed: Sequence[Path]) -> Check:
    """Check that nobody but their owner has access to the folders and files of Dashtam."""
    if exposed:
        paths = " ".join(shlex.quote(str(path)) for path in exposed[:_MAX_PATHS])
        return _check("access", exposure_text(exposed), f"As their owner, run chmod go= {paths}")
    return _check("access", "Only the owner has access to folders and files.")


def check_disk(folder: Path) -> Check:
    """Check that the disk of the database has space."""
    if health.is_disk_full(folder):
        found = f"The disk of {folder} is full: nothing can be recorded."
        return _check("disk", found, "Make room. Reads are answered, and writes are once there is.")
    return _check("disk", f"{folder} has space.")


def check_key_ring(path: Path, *, is_setting: bool) -> Check:
    """Check that the key ring exists and is readable."""
    if is_setting:
        return _check("key ring", "Given by a setting.")
    if not path.exists():
        return _check("key ring", f"None at {path}.", "Make one with `dashtam keys create`.")
    try:
        keys = len(KeyRing.load(path).signing_keys)
    except (OSError, KeyRingUnreadable):
        return _check("key ring", f"{path} cannot be read.", "Put its backup back.")
    found = f"{path}, {keys} signing key{'s' if keys > 1 else ''}."
    return _check("key ring", found)


def check_database(engine: Engine) -> Check:
    """Check that the database is undamaged, answers, and has the current schema."""
    if damage := health.damage(engine):
        advice = (
            "Stop Dashtam, keep a copy of the file, and run `dashtam db restore` with a backup."
        )
        return _check("database", f"Its file is damaged: {damage}.", advice)
    if not health.is_reachable(engine):
        return _check("database", "It does not answer.", "Is DASHTAM_DATABASE_URL right?")
    if not health.is_current(engine):
        advice = "Run `dashtam db upgrade`, which says more where it cannot."
        return _check("database", "Its schema is not today's.", advice)
    return _check("database", f"{engine.dialect.name}, its schema is today's.")


def check_clock(engine: Engine, now: datetime) -> Check:
    """Check that the clock is not behind the newest recorded snapshot."""
    try:
        newest = health.newest_recorded_at(engine)
    except SQLAlchemyError:
        newest = None
    if newest is not None and newest - now > _MAX_CLOCK_LAG:
        found = f"The newest snapshot was recorded at {newest:%Y-%m-%d %H:%M}Z, later than now."
        return _check("clock", found, "Set the clock: syncs are refused until it is right.")
    return _check("clock", f"{now:%Y-%m-%d %H:%M:%S}Z.")


def check_worker(engine: Engine, now: datetime, data: Path) -> Check:
    """Check that running workers look for due connections, and that none has waited long."""
    silence_s = longest_silence_s(data)
    if silence_s > SILENT_S:
        found = f"A running worker has not looked for due connections for {silence_s:,.0f} seconds."
        return _check("worker", found, "See the log; start `dashtam serve` or `worker` again.")
    try:
        overdue = health.count_overdue_connections(engine, now - _MAX_SYNC_DELAY)
    except SQLAlchemyError:
        overdue = 0
    if overdue:
        found = f"{overdue:,} connection{'s have' if overdue > 1 else ' has'} been due for an hour."
        return _check("worker", found, "Run `dashtam serve` or `dashtam worker`.")
    return _check("worker", "No connection is waiting for its sync.")


def check_rate_limits(redis_url: str | None) -> Check:
    """Check that the server of shared rate limits answers."""
    if redis_url is None:
        return _check("rate limits", "Kept by each process.")
    buckets = RedisBuckets(redis_url)
    is_reachable = buckets.is_reachable()
    buckets.close()
    if not is_reachable:
        found = "The Redis or Valkey server does not answer; each process limits by itself."
        return _check("rate limits", found, "Is DASHTAM_REDIS_URL right?")
    return _check("rate limits", "Shared through Redis or Valkey.")


def _check(name: str, found: str, advice: str = "") -> Check:
    return Check(name, is_well=not advice, found=found, advice=advice)
