"""The mapping of a source's own keys to the fields of a user.

It works on a decoded record, before the record is checked and transformed.
"""
