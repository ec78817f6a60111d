"""The bounds of upstream times, and what is kept of them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from docustore.etl.times import to_utc_ms

FIRST = datetime(1900, 1, 1, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))
WEST = timezone(timedelta(hours=-2))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (FIRST, FIRST),
        (FIRST - timedelta(microseconds=1), None),
        (datetime(1900, 1, 1, 2, tzinfo=EAST), FIRST),
        (datetime(1900, 1, 1, 1, 59, 59, tzinfo=EAST), None),
        (datetime(1900, 1, 1), FIRST),  # noqa: DTZ001  # a time without a zone is the case
        (datetime(1899, 12, 31, 23, 59, 59), None),  # noqa: DTZ001
        (datetime(9999, 12, 31, 23, tzinfo=WEST), None),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_time_is_kept_from_1900_to_9999(given: datetime, expected: datetime | None) -> None:
    assert to_utc_ms(given) == expected


@pytest.mark.parametrize(
    ("microsecond", "kept"), [(0, 0), (1, 0), (999, 0), (1000, 1000), (1001, 1000), (999_999, 999_000)]
)
def test_time_is_cut_to_milliseconds(microsecond: int, kept: int) -> None:
    given = datetime(2026, 1, 31, 12, 0, 0, microsecond, UTC)

    assert to_utc_ms(given) == given.replace(microsecond=kept)


@pytest.fixture
def machine_in_india() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_in_india")
def test_time_without_zone_is_utc_on_any_machine() -> None:
    kept = to_utc_ms(datetime(2026, 1, 31, 12))  # noqa: DTZ001  # a time without a zone is the case

    assert kept == datetime(2026, 1, 31, 12, tzinfo=UTC)
