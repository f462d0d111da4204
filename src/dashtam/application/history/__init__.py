"""History: accounts, their snapshots and totals, the writer of snapshots and their verification."""
