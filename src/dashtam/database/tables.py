"""The schema, the same for SQLite and PostgreSQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dashtam.database.column_types import (
    NAME,
    Amount,
    Id,
    Instant,
    Source,
    StoredBasis,
    StoredPrecision,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

_RUNNING = text("state = 'running' AND kind = 'live'")
_IS_JOINED = text("joined_to IS NOT NULL")
_IS_ABOUT_ONE = text("sequence IS NOT NULL")

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", NAME, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("time_zone", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("refresh_hash", LargeBinary(32), nullable=False),
    Column("rotated_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Index(None, "user_id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "user_id"),
)

import_profiles = Table(
    "import_profiles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("shape", Text, nullable=False),
    Column("delimiter", Text, nullable=False),
    Column("columns", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("file_name", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    UniqueConstraint("user_id", "shape"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("institution", Text, nullable=False),
    Column("name", NAME, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text),
    Column("credentials", LargeBinary),
    Column("last_synced_at", Instant),
    Column("next_sync_at", Instant),
    Column("expires_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("paused_until", Instant),
    Column("requests_on", Instant),
    Column("requests", Integer, nullable=False, server_default="0"),
    UniqueConstraint("user_id", "kind", "institution"),
    Index(None, "next_sync_at"),
)

# Sign-ins in a browser that have not returned yet. Each is deleted by its return.
authorizations = Table(
    "authorizations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("session_id", Id),
    Column("token_hash", LargeBinary(32), nullable=False),
    Column("provider", Text, nullable=False),
    Column("connection_id", Id),
    Column("name", NAME),
    Column("state", LargeBinary, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    UniqueConstraint("token_hash"),
    Index(None, "user_id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("connection_id", Id, ForeignKey("connections.id"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("name", NAME, nullable=False),
    Column("institution", Text, nullable=False),
    Column("account_type", Text, nullable=False),
    Column("number_masked", Text),
    Column("currency", Text, nullable=False),
    Column("balance_sign", SmallInteger, nullable=False),
    Column("is_hidden", Boolean, nullable=False),
    Column("holds_unlikely", Boolean, nullable=False),
    Column("closed_at", Instant),
    # No foreign keys: an erasure would search all accounts for each one that it deletes.
    Column("joined_to", Id),
    Column("join_proposed_to", Id),
    Column("removed_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("balance_sign IN (1, -1)", name="balance_sign"),
    UniqueConstraint("connection_id", "external_id", "currency"),
    Index(None, "user_id", "name", "id"),
    # Asked for with every history; few accounts are joined.
    Index(
        "accounts_joined_ix",
        "user_id",
        sqlite_where=_IS_JOINED,
        postgresql_where=_IS_JOINED,
    ),
)

# The names under which a provider reported an account; two accounts may share one.
account_aliases = Table(
    "account_aliases",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("institution", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("created_at", Instant, nullable=False),
)

# The part of an account that a capture changes; its owner and its provider change ``accounts``. The
# key begins with the user: the heads of one user are read together.
account_heads = Table(
    "account_heads",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("chain_length", BigInteger, nullable=False),
    Column("chain_head", LargeBinary(32), nullable=False),
    Column("events_length", BigInteger, nullable=False),
    Column("events_head", LargeBinary(32), nullable=False),
    Column("newest_at", Instant),
    Column("last_live_at", Instant),
    Column("last_synced_at", Instant),
    Column("positions_length", BigInteger, nullable=False),
    Column("positions_head", LargeBinary(32), nullable=False),
    Column("positions_stored", BigInteger),
    Column("positions_digest", LargeBinary(32)),
    Column("flows_length", BigInteger, nullable=False),
    Column("flows_head", LargeBinary(32), nullable=False),
    # Derived like ``history_chunks``.
    Column("chunked_until", Instant),
    Column("latest", LargeBinary),
    Column("is_distrusted", Boolean, nullable=False),
    Column("cache_rebuilds", BigInteger, nullable=False),
    Column("has_holds", Boolean, nullable=False),
    Column("bypasses_cache", Boolean, nullable=False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

syncs = Table(
    "syncs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("connection_id", Id, ForeignKey("connections.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Source, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("lease_until", Instant),
    Column("recorded", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("fence", BigInteger),
    Column("account_id", Id),
    Column("due_at", Instant),
    Column("file_name", Text),
    Column("file_format", Text),
    Column("first_on", Date),
    Column("last_on", Date),
    Column("mapping", Text),
    Index(None, "connection_id", "id"),
    Index(None, "user_id", "id"),
    # One running live sync for each connection.
    Index(
        "syncs_running_connection_id_key",
        "connection_id",
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    ),
)

balance_snapshots = Table(
    "balance_snapshots",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("captured_at", Instant, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    # No foreign key. It needs an index, or an erasure searches all snapshots for each deleted sync,
    # and an index costs bytes for every snapshot. Only ``capture`` writes here, in a transaction
    # that has the sync, and ``db verify`` reports any snapshot without one.
    Column("sync_id", Id, nullable=False),
    Column("source", Source, nullable=False),
    Column("basis", StoredBasis, nullable=False),
    Column("precision", StoredPrecision, nullable=False),
    Column("currency", Text, nullable=False),
    Column("balance", Amount, nullable=False),
    Column("available_balance", Amount),
    Column("holdings_value", Amount),
    Column("cash_value", Amount),
    Column("as_of", Instant),
    Column("created_at", Instant, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    CheckConstraint("source BETWEEN 1 AND 5", name="source"),
    CheckConstraint("basis BETWEEN 1 AND 4", name="basis"),
    CheckConstraint("precision BETWEEN 1 AND 2", name="precision"),
    CheckConstraint("sequence > 0", name="sequence"),
    # Stored in the order of the key, which is the order of every query.
    sqlite_with_rowid=False,
)

# Changes of an account and of single snapshots. ``sequence`` is that of the snapshot that an event
# is about, and ``counts`` whether that one counts from then on.
account_events = Table(
    "account_events",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # No foreign key, as in ``balance_snapshots``.
    Column("sync_id", Id),
    Column("sequence", BigInteger),
    Column("counts", Boolean),
    Column("content", Text, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    CheckConstraint("number > 0", name="number"),
    # Probed for every snapshot that is read; few accounts have such an event.
    Index(
        None,
        "account_id",
        "sequence",
        sqlite_where=_IS_ABOUT_ONE,
        postgresql_where=_IS_ABOUT_ONE,
    ),
    sqlite_with_rowid=False,
)

# The positions that came with a snapshot of the same run at the same instant. ``content`` is
# compressed; a set with the same content as an earlier one names that by its number.
position_sets = Table(
    "position_sets",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key, as in ``balance_snapshots``.
    Column("sync_id", Id, nullable=False),
    Column("captured_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("same_as", BigInteger),
    Column("content", LargeBinary),
    Column("link", LargeBinary(32), nullable=False),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("(same_as IS NULL) = (content IS NOT NULL)", name="content"),
    Index(None, "account_id", "captured_at", "number"),
)

external_flows = Table(
    "external_flows",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key, as in ``balance_snapshots``.
    Column("sync_id", Id, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("external_id", Text),
    Column("link", LargeBinary(32), nullable=False),
    CheckConstraint("number > 0", name="number"),
    Index(None, "account_id", "booked_on", "number"),
    sqlite_with_rowid=False,
)

# An account's snapshots as JSON, oldest first, without those that do not count. Derived from the
# rows.
# Each chunk holds the snapshots captured after ``after_at``, NULL in the first one, and up to
# ``last_at``.
history_chunks = Table(
    "history_chunks",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("last_at", Instant, primary_key=True),
    Column("after_at", Instant),
    Column("snapshots", Integer, nullable=False),
    Column("segment", LargeBinary, nullable=False),
)

retractions = Table(
    "retractions",
    metadata,
    Column("sync_id", Id, ForeignKey("syncs.id"), primary_key=True),
    Column("retracted_at", Instant, nullable=False),
)

# Imports in several transactions that are not complete: none of their snapshots counts yet.
unfinished_imports = Table(
    "unfinished_imports",
    metadata,
    Column("sync_id", Id, ForeignKey("syncs.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, unique=True),
)

# The triggers of the append-only tables allow a DELETE of these users' rows only.
erasures = Table(
    "erasures",
    metadata,
    Column("user_id", Id, primary_key=True),
    Column("erased_at", Instant, nullable=False),
    Column("snapshots", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("status", SmallInteger),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "created_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("user_id", Id),
    Column("event", Text, nullable=False),
    Column("subject", Id),
    Column("address", Text, nullable=False),
    Index(None, "user_id", "id"),
)
