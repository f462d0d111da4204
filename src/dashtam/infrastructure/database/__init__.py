"""The database: tables, one query module per noun, and the only commit."""
