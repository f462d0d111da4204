"""The statements on users, and on the rows that users leave by signing in and calling."""
