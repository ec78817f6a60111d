"""The page at `/`: what the store holds and does, for the person who runs it."""
