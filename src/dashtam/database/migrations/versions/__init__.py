"""One module per revision, each whole or not at all."""
