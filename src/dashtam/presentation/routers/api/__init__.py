"""The API, a package per version."""
