"""Commands on a user's own data."""
