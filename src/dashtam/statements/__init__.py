"""Statement files: their formats, their readers, and the sandbox of the readers."""
