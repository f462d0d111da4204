"""The use cases: one module for each noun, one function for each use case."""
