"""API keys and their scopes; password hashing."""
