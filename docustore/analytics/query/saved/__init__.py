"""Saved queries: questions with a name, an owner and a version."""
