"""The size of the long fault tests: bounded in `make test`, full in `make chaos`."""

import os
from typing import Final

IS_FULL: Final = os.environ.get("DOCUSTORE_TEST_CHAOS") == "full"
# The same faults and requests in every run; another seed makes others.
SEED: Final = int(os.environ.get("DOCUSTORE_TEST_SEED", "1"))


def scaled(*, bounded: float, full: float) -> float:
    """Return the value for this run."""
    return full if IS_FULL else bounded
