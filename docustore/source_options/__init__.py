"""The settings that only some kinds of sources have, one group per module."""
