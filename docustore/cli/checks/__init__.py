"""Checks of `docustore doctor`, one module per subject."""
