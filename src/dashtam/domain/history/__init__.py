"""Balance snapshots, and the calculations over their history."""
