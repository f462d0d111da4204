"""What Dashtam knows: money, time, accounts, snapshots and their history, in pure Python."""
