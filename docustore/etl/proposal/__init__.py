"""The proposal of a source's settings, made from a sample of its records."""
