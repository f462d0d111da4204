"""History as it is sent, kept beside the rows that it is made from."""

import sqlalchemy as sa
from alembic import op

from dashtam.database.column_types import Id, Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the pages, empty: an account's are made when something is next recorded for it."""
    op.add_column("accounts", sa.Column("paged_until", Instant(), nullable=True))
    op.add_column("accounts", sa.Column("latest", sa.LargeBinary(), nullable=True))
    op.create_table(
        "history_pages",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("after_at", Instant(), nullable=False),
        sa.Column("snapshots", sa.Integer(), nullable=False),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("history_pages_account_id_fk")
        ),
        sa.PrimaryKeyConstraint("account_id", "last_at", name=op.f("history_pages_pk")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # The frames are compressed already.
        op.execute("ALTER TABLE history_pages ALTER COLUMN frame SET STORAGE EXTERNAL")
