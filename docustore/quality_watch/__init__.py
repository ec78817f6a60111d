"""What the worker does for the quality: nightly check, incidents, alerts."""
