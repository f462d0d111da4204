"""Live providers of balances, and the one HTTP client that they share."""
