"""Connections: to providers, to institutions of files, and to accounts kept by hand."""
