"""Effects that follow history: one document per user, of its present state."""
