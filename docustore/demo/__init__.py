"""The demonstration: an upstream user directory and its load."""
