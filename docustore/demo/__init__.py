"""The demonstration: an upstream user directory to pull from, and the run through the whole service."""
