"""Declares the indexes, validators and options of every collection."""
