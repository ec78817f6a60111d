"""What a change does: one module per effect, and the registry that lists them."""
