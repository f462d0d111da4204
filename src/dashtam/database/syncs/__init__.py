"""The statements on connections and their syncs."""
