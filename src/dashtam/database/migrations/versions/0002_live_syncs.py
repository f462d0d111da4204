"""Live syncs: claims and fences, the schedule's back-off, the day's requests."""

import sqlalchemy as sa
from alembic import op

from dashtam.database.column_types import Id, Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what live syncs need, and make a second running one impossible."""
    op.add_column(
        "connections", sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        "connections", sa.Column("failures", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("connections", sa.Column("paused_until", Instant(), nullable=True))
    op.add_column("connections", sa.Column("requests_on", Instant(), nullable=True))
    op.add_column(
        "connections", sa.Column("requests", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_index(op.f("connections_next_sync_at_ix"), "connections", ["next_sync_at"])
    op.add_column("accounts", sa.Column("last_live_at", Instant(), nullable=True))
    op.add_column("syncs", sa.Column("fence", sa.BigInteger(), nullable=True))
    op.add_column("syncs", sa.Column("account_id", Id(), nullable=True))
    op.add_column("syncs", sa.Column("due_at", Instant(), nullable=True))
    running = sa.text("state = 'running' AND kind = 'live'")
    op.create_index(
        op.f("syncs_running_connection_id_key"),
        "syncs",
        ["connection_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
