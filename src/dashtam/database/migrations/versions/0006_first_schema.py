"""The schema of the first release."""

import sqlalchemy as sa
from alembic import op

from dashtam.database.column_types import (
    NAME,
    Amount,
    Id,
    Instant,
    Source,
    StoredBasis,
    StoredPrecision,
)

# The earlier numbers belong to development versions; their databases are not upgraded.
revision = "0006"
down_revision = None

# Append-only tables, each with the query for a row's owner. Only an erasure of that owner, written
# in the same transaction, allows a DELETE.
_APPEND_ONLY = {
    "balance_snapshots": "SELECT user_id FROM accounts WHERE id = OLD.account_id",
    "account_events": "SELECT user_id FROM accounts WHERE id = OLD.account_id",
    "position_sets": "SELECT user_id FROM accounts WHERE id = OLD.account_id",
    "external_flows": "SELECT user_id FROM accounts WHERE id = OLD.account_id",
    "retractions": "SELECT user_id FROM syncs WHERE id = OLD.sync_id",
    "audit_log": "SELECT OLD.user_id",
    "erasures": "SELECT CAST(NULL AS uuid)",
}

_KEYS = {
    "balance_snapshots": ("account_id", "captured_at", "sequence"),
    "account_events": ("account_id", "number"),
    "position_sets": ("account_id", "number"),
    "external_flows": ("account_id", "number"),
    "retractions": ("sync_id",),
    "audit_log": ("id",),
    "erasures": ("user_id",),
}


def upgrade() -> None:
    """Create every table, and the triggers that refuse changes of append-only tables."""
    _create_people()
    _create_accounts()
    _create_evidence_and_marks()
    protect = (
        _protect_in_sqlite if op.get_bind().dialect.name == "sqlite" else _protect_in_postgresql
    )
    for table, owner in _APPEND_ONLY.items():
        protect(table, owner)
    if op.get_bind().dialect.name == "postgresql":
        # These are compressed already.
        op.execute("ALTER TABLE history_chunks ALTER COLUMN segment SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE position_sets ALTER COLUMN content SET STORAGE EXTERNAL")


def _protect_in_sqlite(table: str, owner: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} never change'); END"
    same_key = " AND ".join(f"{column} = NEW.{column}" for column in _KEYS[table])
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}")
    op.execute(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
        f" WHEN NOT EXISTS (SELECT 1 FROM erasures WHERE user_id = ({owner})) {refuse}"
    )
    # REPLACE removes the row with the same key, and the DELETE trigger does not fire.
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same_key}) {refuse}"
    )


def _protect_in_postgresql(table: str, owner: str) -> None:
    op.execute(
        f"""
        CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF EXISTS (SELECT 1 FROM erasures WHERE user_id = ({owner})) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '{table} never change';
        END $$
        """
    )
    for name, when in (
        ("no_change", "UPDATE OR DELETE ON {} FOR EACH ROW"),
        ("no_truncate", "TRUNCATE ON {} FOR EACH STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {when.format(table)}"
            f" EXECUTE FUNCTION {table}_refuse()"
        )
        # Also in a session that turned triggers off, as replication does.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def _create_people() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", Id(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", Id(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_log_pk")),
    )
    op.create_index(op.f("audit_log_user_id_id_ix"), "audit_log", ["user_id", "id"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("erased_at", Instant(), nullable=False),
        sa.Column("snapshots", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("erasures_pk")),
    )
    op.create_table(
        "users",
        sa.Column("id", Id(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", NAME, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pk")),
        sa.UniqueConstraint("email_key", name=op.f("users_email_key_key")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_tokens_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("api_tokens_pk")),
        sa.UniqueConstraint("token_hash", name=op.f("api_tokens_token_hash_key")),
    )
    op.create_index(op.f("api_tokens_user_id_ix"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "import_profiles",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("delimiter", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("import_profiles_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("import_profiles_pk")),
        sa.UniqueConstraint("user_id", "shape", name=op.f("import_profiles_user_id_shape_key")),
    )
    op.create_table(
        "connections",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("credentials", sa.LargeBinary(), nullable=True),
        sa.Column("last_synced_at", Instant(), nullable=True),
        sa.Column("next_sync_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("paused_until", Instant(), nullable=True),
        sa.Column("requests_on", Instant(), nullable=True),
        sa.Column("requests", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("connections_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("connections_pk")),
        sa.UniqueConstraint(
            "user_id", "kind", "institution", name=op.f("connections_user_id_kind_institution_key")
        ),
    )
    op.create_index(op.f("connections_next_sync_at_ix"), "connections", ["next_sync_at"])
    op.create_table(
        "authorizations",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("session_id", Id(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("connection_id", Id(), nullable=True),
        sa.Column("name", NAME, nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("authorizations_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("authorizations_pk")),
        sa.UniqueConstraint("token_hash", name=op.f("authorizations_token_hash_key")),
    )
    op.create_index(op.f("authorizations_user_id_ix"), "authorizations", ["user_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("idempotency_keys_user_id_fk")
        ),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("idempotency_keys_pk")),
    )
    op.create_index(
        op.f("idempotency_keys_created_at_ix"), "idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "sessions",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("rotated_at", Instant(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("sessions_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("sessions_pk")),
    )
    op.create_index(op.f("sessions_user_id_ix"), "sessions", ["user_id"], unique=False)


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("connection_id", Id(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("account_type", sa.Text(), nullable=False),
        sa.Column("number_masked", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance_sign", sa.SmallInteger(), nullable=False),
        sa.Column("is_hidden", sa.Boolean(), nullable=False),
        sa.Column("holds_unlikely", sa.Boolean(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("joined_to", Id(), nullable=True),
        sa.Column("join_proposed_to", Id(), nullable=True),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("balance_sign IN (1, -1)", name=op.f("accounts_balance_sign_check")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("accounts_connection_id_fk")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("accounts_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_pk")),
        sa.UniqueConstraint(
            "connection_id",
            "external_id",
            "currency",
            name=op.f("accounts_connection_id_external_id_currency_key"),
        ),
    )
    op.create_index(
        op.f("accounts_user_id_name_id_ix"), "accounts", ["user_id", "name", "id"], unique=False
    )
    joined = sa.text("joined_to IS NOT NULL")
    op.create_index(
        op.f("accounts_joined_ix"),
        "accounts",
        ["user_id"],
        unique=False,
        sqlite_where=joined,
        postgresql_where=joined,
    )
    op.create_table(
        "account_aliases",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("account_aliases_account_id_fk")
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "kind", "institution", "external_id", name=op.f("account_aliases_pk")
        ),
    )
    op.create_table(
        "account_heads",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("chain_length", sa.BigInteger(), nullable=False),
        sa.Column("chain_head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("events_length", sa.BigInteger(), nullable=False),
        sa.Column("events_head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("newest_at", Instant(), nullable=True),
        sa.Column("last_live_at", Instant(), nullable=True),
        sa.Column("last_synced_at", Instant(), nullable=True),
        sa.Column("positions_length", sa.BigInteger(), nullable=False),
        sa.Column("positions_head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("positions_stored", sa.BigInteger(), nullable=True),
        sa.Column("positions_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("flows_length", sa.BigInteger(), nullable=False),
        sa.Column("flows_head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("chunked_until", Instant(), nullable=True),
        sa.Column("latest", sa.LargeBinary(), nullable=True),
        sa.Column("is_distrusted", sa.Boolean(), nullable=False),
        sa.Column("cache_rebuilds", sa.BigInteger(), nullable=False),
        sa.Column("has_holds", sa.Boolean(), nullable=False),
        sa.Column("bypasses_cache", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("account_heads_account_id_fk")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("account_heads_user_id_fk")),
        sa.PrimaryKeyConstraint("user_id", "account_id", name=op.f("account_heads_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("account_heads_account_id_ix"), "account_heads", ["account_id"])
    op.create_table(
        "syncs",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("connection_id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", Source(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("recorded", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("account_id", Id(), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("file_format", sa.Text(), nullable=True),
        sa.Column("first_on", sa.Date(), nullable=True),
        sa.Column("last_on", sa.Date(), nullable=True),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("syncs_connection_id_fk")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("syncs_user_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("syncs_pk")),
    )
    op.create_index(
        op.f("syncs_connection_id_id_ix"), "syncs", ["connection_id", "id"], unique=False
    )
    op.create_index(op.f("syncs_user_id_id_ix"), "syncs", ["user_id", "id"], unique=False)
    running = sa.text("state = 'running' AND kind = 'live'")
    op.create_index(
        op.f("syncs_running_connection_id_key"),
        "syncs",
        ["connection_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_table(
        "balance_snapshots",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("captured_at", Instant(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", Id(), nullable=False),
        sa.Column("sync_id", Id(), nullable=False),
        sa.Column("source", Source(), nullable=False),
        sa.Column("basis", StoredBasis(), nullable=False),
        sa.Column("precision", StoredPrecision(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance", Amount(), nullable=False),
        sa.Column("available_balance", Amount(), nullable=True),
        sa.Column("holdings_value", Amount(), nullable=True),
        sa.Column("cash_value", Amount(), nullable=True),
        sa.Column("as_of", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("link", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("sequence > 0", name=op.f("balance_snapshots_sequence_check")),
        sa.CheckConstraint("source BETWEEN 1 AND 5", name=op.f("balance_snapshots_source_check")),
        sa.CheckConstraint("basis BETWEEN 1 AND 4", name=op.f("balance_snapshots_basis_check")),
        sa.CheckConstraint(
            "precision BETWEEN 1 AND 2", name=op.f("balance_snapshots_precision_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("balance_snapshots_account_id_fk")
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "captured_at", "sequence", name=op.f("balance_snapshots_pk")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_events",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("sync_id", Id(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("link", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("account_events_number_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("account_events_account_id_fk")
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("account_events_pk")),
        sqlite_with_rowid=False,
    )
    is_about_one = sa.text("sequence IS NOT NULL")
    op.create_index(
        op.f("account_events_account_id_sequence_ix"),
        "account_events",
        ["account_id", "sequence"],
        sqlite_where=is_about_one,
        postgresql_where=is_about_one,
    )


def _create_evidence_and_marks() -> None:
    op.create_table(
        "position_sets",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sync_id", Id(), nullable=False),
        sa.Column("captured_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("same_as", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("link", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("position_sets_number_check")),
        sa.CheckConstraint(
            "(same_as IS NULL) = (content IS NOT NULL)", name=op.f("position_sets_content_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("position_sets_account_id_fk")
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("position_sets_pk")),
    )
    op.create_index(
        op.f("position_sets_account_id_captured_at_number_ix"),
        "position_sets",
        ["account_id", "captured_at", "number"],
        unique=False,
    )
    op.create_table(
        "external_flows",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sync_id", Id(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("link", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("external_flows_number_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("external_flows_account_id_fk")
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("external_flows_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("external_flows_account_id_booked_on_number_ix"),
        "external_flows",
        ["account_id", "booked_on", "number"],
        unique=False,
    )
    op.create_table(
        "history_chunks",
        sa.Column("account_id", Id(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("after_at", Instant(), nullable=True),
        sa.Column("snapshots", sa.Integer(), nullable=False),
        sa.Column("segment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("history_chunks_account_id_fk")
        ),
        sa.PrimaryKeyConstraint("account_id", "last_at", name=op.f("history_chunks_pk")),
    )
    op.create_table(
        "unfinished_imports",
        sa.Column("sync_id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sync_id"], ["syncs.id"], name=op.f("unfinished_imports_sync_id_fk")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("unfinished_imports_user_id_fk")
        ),
        sa.PrimaryKeyConstraint("sync_id", name=op.f("unfinished_imports_pk")),
        sa.UniqueConstraint("user_id", name=op.f("unfinished_imports_user_id_key")),
    )
    op.create_table(
        "retractions",
        sa.Column("sync_id", Id(), nullable=False),
        sa.Column("retracted_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("retractions_sync_id_fk")),
        sa.PrimaryKeyConstraint("sync_id", name=op.f("retractions_pk")),
    )
