"""Embedded MongoDB and Valkey, and the supervisor of `up` and `demo`."""
