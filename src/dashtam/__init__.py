"""Dashtam records balances whenever they are synced, and serves their history to the cent."""

__version__ = "0.1.0"
