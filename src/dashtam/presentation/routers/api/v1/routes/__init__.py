"""The registry of all routes, and the pipeline that enforces its rules."""
