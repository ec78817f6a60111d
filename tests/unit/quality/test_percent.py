"""Percentages that a reader may take at their word."""

import pytest

from docustore.quality.percent import percent_of


@pytest.mark.parametrize(
    ("share", "percent"),
    [(0, 0), (1, 100), (1 / 3, 33.33), (1 / 1_000_000, 0.01), (1 - 1 / 1_000_000, 99.99), (0.99994, 99.99)],
)
def test_only_none_is_0_and_only_all_is_100(share: float, percent: float) -> None:
    assert percent_of(share) == percent
