"""Live marts: counters kept by the change listener, read in O(1)."""
