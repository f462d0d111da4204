"""How the schema came to be: Alembic migrations for SQLite and PostgreSQL alike."""
