"""The change listener: change stream -> batch -> effects and position in one transaction."""
