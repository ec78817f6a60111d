"""Processes only: the arq worker and the change listener. No business rule lives here."""
