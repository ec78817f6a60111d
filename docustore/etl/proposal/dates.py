"""Find the form of the dates in a column. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

_DATES: Final = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%Y%m%d",
)
_TIMES: Final = ("", " %H:%M", " %H:%M:%S")
# Day and month cannot be told apart by these forms if no value has a day after the 12th.
_SWAPPED: Final = {"%d/%m/%Y": "%m/%d/%Y", "%d/%m/%y": "%m/%d/%y"}
MOST: Final = 0.8


def formats_of(texts: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Find the formats of most texts.

    Returns:
        The formats; none if all texts are ISO 8601, or none fits. True if day and month may be exchanged.
    """
    if not texts or is_iso(texts):
        return (), False
    best: tuple[str, ...] = ()
    most = 0
    for date in _DATES:
        patterns = tuple(f"{date}{time}" for time in _TIMES if any(_fits(text, f"{date}{time}") for text in texts))
        fitting = sum(any(_fits(text, pattern) for pattern in patterns) for text in texts)
        if fitting > most:
            best, most = patterns, fitting
    if most < MOST * len(texts):
        return (), False
    swapped = tuple(_exchanged(pattern) for pattern in best)
    is_unsure = swapped != best and all(any(_fits(text, pattern) for pattern in swapped) for text in texts)
    return best, is_unsure


def is_iso(texts: Sequence[str]) -> bool:
    """Tell whether all texts are dates or times of ISO 8601."""
    return all(_iso(text) is not None for text in texts)


def have_zone(texts: Sequence[str]) -> bool:
    """Tell whether all texts are times of ISO 8601 with a zone."""
    return all((time := _iso(text)) is not None and time.tzinfo is not None for text in texts)


def look_like_dates(texts: Sequence[str]) -> bool:
    """Tell whether the texts have a form that can be read."""
    return bool(texts) and (is_iso(texts) or bool(formats_of(texts)[0]))


def _exchanged(pattern: str) -> str:
    for one, other in _SWAPPED.items():
        if pattern.startswith(one):
            return pattern.replace(one, other)
    return pattern


def _fits(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007  # only the form matters
    except ValueError:
        return False
    return True


def _iso(text: str) -> datetime | None:
    # Eight digits are ISO 8601 too; as a form of its own, they are named.
    if text.isdigit():
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
