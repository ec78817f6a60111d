"""The way out: destinations, their rows in the outbox, and the deliveries."""
