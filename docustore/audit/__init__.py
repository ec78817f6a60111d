"""The record of what operators did: one document of `audit_log` per action."""
