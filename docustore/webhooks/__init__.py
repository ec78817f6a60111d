"""Webhooks: signed requests to the addresses of others, by Standard Webhooks."""
