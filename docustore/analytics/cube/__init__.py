"""Counters of users by dimension and time, kept from every change."""
