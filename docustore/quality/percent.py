"""Percentages of quality: rounded, but never to a bound that was not reached."""

from typing import Final

_DECIMALS: Final = 2
_STEP: Final = 10.0**-_DECIMALS


def percent_of(share: float) -> float:
    """Return a share from 0 to 1 in per cent, with two decimals. Pure.

    One violation among a million users is 0.01 % and a score of 99.99: only a share of exactly 0 is 0 %, and only
    one of exactly 1 is 100 %.
    """
    rounded = round(100 * share, _DECIMALS)
    if 0 < share < 1:
        return round(min(max(rounded, _STEP), 100 - _STEP), _DECIMALS)
    return rounded
