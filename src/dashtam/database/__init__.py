"""The record: tables, statements, transactions and migrations, on SQLite and PostgreSQL."""
