"""Imports: statement files, and the balances that owners type."""
