"""OFX and QFX files."""
