"""What ``doctor`` looks at: each check finds out one thing and says what it found."""

import os
import shutil
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashtam.database import health
from dashtam.rate_limit.shared import SharedBuckets
from dashtam.security.key_ring import KeyRing, KeyRingUnreadable

_LITTLE_ROOM_BYTES = 500 * 1024 * 1024
_CLOCK_BEHIND = timedelta(minutes=5)
_OVERDUE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found, and what to do about it; well when there is nothing to do."""

    name: str
    found: str
    advice: str = ""

    @property
    def is_well(self) -> bool:
        """Whether all is as it should be."""
        return not self.advice


def folder(data: Path) -> Diagnosis:
    """Look at the data folder: can it be written, and is there room?"""
    if not data.is_dir() or not os.access(data, os.W_OK):
        return Diagnosis("data folder", f"{data} cannot be written.", "Choose another with --data.")
    free_bytes = shutil.disk_usage(data).free
    found = f"{data}, {free_bytes // 1024**2:,} MiB free."
    if free_bytes < _LITTLE_ROOM_BYTES:
        return Diagnosis("data folder", found, "Make room: a full disk refuses every sync.")
    return Diagnosis("data folder", found)


def key_ring(path: Path, *, given: bool) -> Diagnosis:
    """Look at the key ring: is it there, readable, and for nobody else's eyes?"""
    if given:
        return Diagnosis("key ring", "Given by a setting.")
    if not path.exists():
        return Diagnosis("key ring", f"None at {path}.", "Make one with `dashtam keys create`.")
    try:
        keys = len(KeyRing.load(path).signing)
    except (OSError, KeyRingUnreadable):
        return Diagnosis("key ring", f"{path} cannot be read.", "Put its backup back.")
    found = f"{path}, {keys} signing key{'s' if keys > 1 else ''}."
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Diagnosis("key ring", found + " Others can read it.", f"Run chmod 600 {path}.")
    return Diagnosis("key ring", found)


def schema(engine: Engine) -> Diagnosis:
    """Look at the database: does it answer, and is its schema today's?"""
    if not health.is_reachable(engine):
        return Diagnosis("database", "It does not answer.", "Is DASHTAM_DATABASE_URL right?")
    if not health.is_current(engine):
        return Diagnosis("database", "Its schema is not today's.", "Run `dashtam db upgrade`.")
    return Diagnosis("database", f"{engine.dialect.name}, its schema is today's.")


def clock(engine: Engine, now: datetime) -> Diagnosis:
    """Look at the clock: is it behind what was recorded?"""
    try:
        newest = health.newest_recorded_at(engine)
    except SQLAlchemyError:
        newest = None
    if newest is not None and newest - now > _CLOCK_BEHIND:
        found = f"The newest snapshot was recorded at {newest:%Y-%m-%d %H:%M}Z, later than now."
        return Diagnosis("clock", found, "Set the clock: syncs are refused until it is right.")
    return Diagnosis("clock", f"{now:%Y-%m-%d %H:%M:%S}Z.")


def worker(engine: Engine, now: datetime) -> Diagnosis:
    """Look at the schedule: is a connection waiting that a worker should have synced?"""
    try:
        overdue = health.count_overdue_connections(engine, now - _OVERDUE)
    except SQLAlchemyError:
        overdue = 0
    if overdue:
        found = f"{overdue:,} connection{'s have' if overdue > 1 else ' has'} been due for an hour."
        return Diagnosis("worker", found, "Run `dashtam serve` or `dashtam worker`.")
    return Diagnosis("worker", "No connection is waiting for its sync.")


def shared_limits(redis_url: str | None) -> Diagnosis:
    """Look at the server of shared rate limits: does it answer?"""
    if redis_url is None:
        return Diagnosis("rate limits", "Kept by each process.")
    buckets = SharedBuckets(redis_url)
    try:
        answers = buckets.answers()
    finally:
        buckets.close()
    if not answers:
        found = "The Redis or Valkey server does not answer; each process limits by itself."
        return Diagnosis("rate limits", found, "Is DASHTAM_REDIS_URL right?")
    return Diagnosis("rate limits", "Shared through Redis or Valkey.")
