"""The time of the nightly check."""

from datetime import UTC, datetime, time

import pytest

from docustore.quality.checks import due_night
from docustore.quality_settings import time_of_check


@pytest.mark.parametrize(
    ("now", "at", "night"),
    [
        ("2026-11-26T02:29:59", "02:30", None),
        ("2026-11-26T02:30:00", "02:30", "night:2026-11-26"),
        ("2026-11-26T08:29:59", "02:30", "night:2026-11-26"),
        ("2026-11-26T08:30:00", "02:30", None),
        ("2026-11-26T23:00:00", "22:00", "night:2026-11-26"),
        ("2026-11-27T03:59:59", "22:00", "night:2026-11-26"),
        ("2026-11-27T04:00:00", "22:00", None),
        ("2026-11-26T00:00:00", "00:00", "night:2026-11-26"),
    ],
)
def test_due_night(now: str, at: str, night: str | None) -> None:
    """A night has one name, also after midnight; a late worker leaves it out."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert due_night(moment, time.fromisoformat(at)) == night


@pytest.mark.parametrize(
    ("given", "expected"), [("off", None), ("02:30", time(2, 30)), ("00:00", time(0)), ("23:59", time(23, 59))]
)
def test_time_of_check(given: str, expected: time | None) -> None:
    assert time_of_check(given) == expected


@pytest.mark.parametrize("given", ["", "2:30", "24:00", "02:60", "02:30:00", "never"])
def test_malformed_time_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"time|hour|minute"):
        time_of_check(given)
