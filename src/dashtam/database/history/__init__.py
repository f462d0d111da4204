"""The statements on accounts, their snapshots and their positions."""
