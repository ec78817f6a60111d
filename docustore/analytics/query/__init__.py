"""Self-service queries: a small language, answered by marts or by a pipeline."""
