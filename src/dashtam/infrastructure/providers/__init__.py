"""Where balances come from: one module per source."""
