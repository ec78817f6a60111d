"""Profiles: what the fields of the stored users really contain."""
