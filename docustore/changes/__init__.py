"""The change listener: stream, batch, effects and position in one transaction."""
