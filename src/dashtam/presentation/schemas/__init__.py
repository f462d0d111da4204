"""Shapes of the answers and bodies that several modules use."""
