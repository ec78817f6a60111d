"""Storing records on the real server."""

from tests.store_cases import StoreCases


class TestStore(StoreCases):
    """The cases of `tests/store_cases.py`."""
