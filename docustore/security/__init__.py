"""API keys with scopes, request authorisation, password hashing."""
