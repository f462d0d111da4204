"""People: users, their sessions and tokens."""
