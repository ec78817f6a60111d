"""One immutable row per change of a user."""
