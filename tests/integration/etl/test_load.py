"""Loading into the real store."""

from tests.load_cases import LoadCases


class TestLoad(LoadCases):
    """The cases of `tests/load_cases.py`."""
