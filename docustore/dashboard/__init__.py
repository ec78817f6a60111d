"""The dashboard at `/`: users, runs, quarantine and listener, for operators."""
