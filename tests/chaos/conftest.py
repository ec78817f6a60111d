"""Fixtures of the fault tests."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what the driver leaks while a test expects its warnings."""
    yield
    gc.collect()
