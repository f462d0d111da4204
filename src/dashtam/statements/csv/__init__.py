"""Balance files: dates and balances in columns."""
