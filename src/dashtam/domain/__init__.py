"""Money, time, accounts, snapshots and their history, in pure Python."""
