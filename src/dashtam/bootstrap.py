"""Settings become the running application: the one place where ports meet adapters."""

import secrets
import sys
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from dashtam import __version__
from dashtam.application.ports import Rules, World
from dashtam.application.rate_limits import Buckets
from dashtam.infrastructure import logs
from dashtam.infrastructure.database import migrate
from dashtam.infrastructure.database.engine import open_engine
from dashtam.infrastructure.database.unit_of_work import SqlDatabase
from dashtam.infrastructure.providers.spool import StatementFiles
from dashtam.infrastructure.rate_limit.memory import MemoryBuckets
from dashtam.infrastructure.rate_limit.shared import SharedBuckets
from dashtam.infrastructure.security import key_ring
from dashtam.infrastructure.security.access_tokens import Signer
from dashtam.infrastructure.security.key_ring import KeyRing, LiveKeyRing
from dashtam.infrastructure.security.passwords import Passwords
from dashtam.infrastructure.security.secrets import Secrets
from dashtam.presentation.app import Surroundings, make_app
from dashtam.settings import InvalidSettings, Settings


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the clock itself


class Installation:
    """One Dashtam as its settings say: the world of its use cases, and what it can be asked.

    Nothing is connected to, and no file is made, before it is needed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: Engine = open_engine(settings.database, pool_size=settings.database_pool)
        self.database = SqlDatabase(self.engine, now)
        self.buckets: Buckets = (
            SharedBuckets(settings.redis_url) if settings.redis_url else MemoryBuckets()
        )
        self.ring = _open_ring(settings)

    def world(self) -> World:
        """Return everything that use cases may ask for."""
        settings = self.settings
        return World(
            database=self.database,
            clock=now,
            passwords=Passwords(),
            signer=Signer(self.ring, settings.issuer, settings.audience),
            secrets=Secrets(self.ring),
            buckets=self.buckets,
            statement_files=StatementFiles(),
            rules=Rules(
                registration=settings.registration,
                setup_code=settings.setup_code or secrets.token_urlsafe(9),
                policies=settings.policies,
            ),
        )
