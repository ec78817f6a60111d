"""What keeps a run from doing harm: limits, contracts, snapshots, checks."""
