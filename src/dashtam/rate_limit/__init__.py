"""Token buckets, in the memory of one process or shared through Redis or Valkey."""
