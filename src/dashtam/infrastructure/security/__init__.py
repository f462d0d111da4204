"""Passwords, tokens and the key ring."""
