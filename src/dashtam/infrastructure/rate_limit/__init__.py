"""Token buckets: in memory, and shared through Redis or Valkey."""
