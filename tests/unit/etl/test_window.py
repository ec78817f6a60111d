"""The window of a run."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.errors import RunError, SourceContentError
from docustore.etl.models import RunOptions, Window
from docustore.etl.window import check_clock, choose_window, next_watermark

CLOCK = datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)
UNTIL = CLOCK.replace(microsecond=123_000)
WATERMARK = datetime(2026, 11, 1, 11, tzinfo=UTC)
LAG = timedelta(minutes=5)
BY_HAND = datetime(2026, 10, 1, tzinfo=UTC)
LAST = datetime(2026, 10, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("watermark", "options", "window"),
    [
        (None, RunOptions(), Window(since=None, until=UNTIL)),
        (WATERMARK, RunOptions(), Window(since=WATERMARK - LAG, until=UNTIL)),
        (WATERMARK, RunOptions(full=True), Window(since=None, until=UNTIL)),
        (WATERMARK, RunOptions(dry_run=True), Window(since=WATERMARK - LAG, until=UNTIL)),
        (WATERMARK, RunOptions(since=BY_HAND), Window(since=BY_HAND, until=UNTIL)),
        (WATERMARK, RunOptions(full=True, since=BY_HAND), Window(since=BY_HAND, until=UNTIL)),
        (WATERMARK, RunOptions(until=WATERMARK), Window(since=WATERMARK - LAG, until=WATERMARK)),
    ],
)
def test_window(watermark: datetime | None, options: RunOptions, window: Window) -> None:
    assert choose_window(CLOCK, watermark=watermark, options=options, lag=LAG) == window


@pytest.mark.parametrize(
    ("watermark", "options"),
    [
        (UNTIL + LAG + timedelta(milliseconds=1), RunOptions()),
        (None, RunOptions(since=UNTIL + timedelta(milliseconds=1))),
        (WATERMARK, RunOptions(since=LAST, until=BY_HAND)),
        (WATERMARK, RunOptions(until=LAST)),
    ],
)
def test_window_that_ends_before_it_starts_is_refused(watermark: datetime | None, options: RunOptions) -> None:
    """A run that reads nothing must not succeed."""
    with pytest.raises(RunError, match="a full run corrects the watermark"):
        choose_window(CLOCK, watermark=watermark, options=options, lag=LAG)


def test_empty_window_is_accepted() -> None:
    window = choose_window(CLOCK, watermark=UNTIL + LAG, options=RunOptions(), lag=LAG)

    assert window == Window(since=UNTIL, until=UNTIL)


@pytest.mark.parametrize(
    ("options", "watermark"),
    [
        (RunOptions(), UNTIL),
        (RunOptions(full=True), UNTIL),
        (RunOptions(dry_run=True), None),
        (RunOptions(since=BY_HAND), None),
        (RunOptions(until=LAST), None),
    ],
)
def test_only_a_whole_window_moves_the_watermark(options: RunOptions, watermark: datetime | None) -> None:
    assert next_watermark(Window(until=UNTIL), options) == watermark


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(0), timedelta(days=1)])
def test_clock_within_the_limit_is_accepted(ahead: timedelta) -> None:
    check_clock(CLOCK + ahead, source="crm", now=CLOCK, max_ahead=timedelta(days=1))


def test_clock_far_ahead_is_refused() -> None:
    with pytest.raises(SourceContentError, match="3 days ahead"):
        check_clock(CLOCK + timedelta(days=3), source="crm", now=CLOCK, max_ahead=timedelta(days=1))


def test_clock_some_minutes_ahead_is_named_in_minutes() -> None:
    with pytest.raises(SourceContentError, match="10 minutes ahead"):
        check_clock(CLOCK + timedelta(minutes=10), source="crm", now=CLOCK, max_ahead=timedelta(minutes=5))


def test_clock_just_over_the_limit_is_refused() -> None:
    with pytest.raises(SourceContentError):
        check_clock(CLOCK + timedelta(seconds=1, days=1), source="crm", now=CLOCK, max_ahead=timedelta(days=1))


@pytest.mark.parametrize(("microsecond", "kept"), [(0, 0), (999, 0), (1_000, 1_000), (999_999, 999_000)])
def test_window_ends_at_a_whole_millisecond(microsecond: int, kept: int) -> None:
    """The store keeps milliseconds; a finer end would never equal the stored watermark."""
    clock = CLOCK.replace(microsecond=microsecond)

    window = choose_window(clock, watermark=None, options=RunOptions(), lag=LAG)

    assert window.until == CLOCK.replace(microsecond=kept)
