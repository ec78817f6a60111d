"""Migrations: move the stored users to the shape of this version, and back."""
