"""Unusual figures for an hour of the week."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.quality.anomaly import (
    PERCENT_FLOORS,
    WEEKS,
    Direction,
    Floors,
    Judgement,
    hours_before,
    judge,
)

STEADY = [10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 10.0]
NO_FLOORS = Floors(absolute=0.0, relative=0.0)


def judged(
    value: float,
    history: list[float],
    *,
    direction: Direction = Direction.WORSE,
    floors: Floors = PERCENT_FLOORS,
) -> Judgement:
    found = judge(value, history, direction=direction, floors=floors)
    assert found is not None
    return found


def test_series_with_seasons_is_compared_with_its_own_hour() -> None:
    """Mondays are bad every week; the same figure on another day is unusual."""
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    series = {
        start + timedelta(days=day): (40.0 if day % 7 == 0 else 2.0) + day % 3 / 10
        for day in range(7 * (WEEKS + 1))
    }
    monday, tuesday = start + timedelta(weeks=WEEKS), start + timedelta(weeks=WEEKS, days=1)

    def of(at: datetime) -> list[float]:
        return [series[each] for each in hours_before(at)]

    assert not judged(40.0, of(monday)).is_anomalous
    assert judged(40.0, of(tuesday)).is_anomalous


def test_hours_before_are_the_same_hour_of_the_week_without_the_hour_itself() -> None:
    at = datetime(2026, 3, 29, 2, tzinfo=UTC)

    hours = hours_before(at)

    assert len(hours) == 8
    assert at not in hours
    assert {(each.weekday(), each.hour) for each in hours} == {(at.weekday(), at.hour)}
    assert hours[0] == at - timedelta(days=7)


@pytest.mark.parametrize(("value", "is_anomalous"), [(0.0, False), (0.5, False), (0.51, True), (40.0, True)])
def test_constant_series_without_violations_has_an_absolute_floor(value: float, *, is_anomalous: bool) -> None:
    found = judged(value, [0.0] * 8)

    assert (found.is_anomalous, found.deviations) == (is_anomalous, None)


@pytest.mark.parametrize(("value", "is_anomalous"), [(50.0, False), (55.0, False), (55.1, True)])
def test_constant_series_has_a_relative_floor(value: float, *, is_anomalous: bool) -> None:
    assert judged(value, [50.0] * 8).is_anomalous is is_anomalous


def test_one_outlier_in_the_past_hides_no_anomaly() -> None:
    """With mean and standard deviation it would."""
    history = [*STEADY[:7], 500.0]

    assert judged(40.0, history).is_anomalous
    assert not judged(11.0, history).is_anomalous


def test_value_does_not_judge_itself() -> None:
    """The figure under test is no part of its history: many equal bad ones become usual, one does not."""
    assert judged(90.0, STEADY).is_anomalous
    assert not judged(90.0, [90.0] * 5).is_anomalous


@pytest.mark.parametrize("number", range(4))
def test_too_little_history_says_nothing(number: int) -> None:
    assert judge(99.0, [0.0] * number, direction=Direction.WORSE) is None


def test_least_history_is_enough() -> None:
    found = judged(99.0, [0.0] * 4)

    assert (found.is_anomalous, found.history) == (True, 4)


@pytest.mark.parametrize(
    ("direction", "value", "is_anomalous"),
    [
        (Direction.WORSE, 40.0, True),
        (Direction.WORSE, 0.0, False),
        (Direction.BOTH, 40.0, True),
        (Direction.BOTH, 0.0, True),
        (Direction.BOTH, 10.4, False),
    ],
)
def test_direction(direction: Direction, value: float, *, is_anomalous: bool) -> None:
    assert judged(value, STEADY, direction=direction).is_anomalous is is_anomalous


def test_direction_off_judges_nothing() -> None:
    assert judge(99.0, STEADY, direction=Direction.OFF) is None


@pytest.mark.parametrize(("value", "is_anomalous"), [(12.59, False), (12.61, True)])
def test_limit_is_three_and_a_half_deviations(value: float, *, is_anomalous: bool) -> None:
    """The MAD of this history is 0.5, and 3.5 * 1.4826 * 0.5 is 2.59."""
    found = judged(value, [9.0, 9.5, 10.0, 10.0, 10.0, 10.5, 11.0, 9.5, 10.5], floors=NO_FLOORS)

    assert found.is_anomalous is is_anomalous
    assert found.median == 10.0
    assert found.deviations == pytest.approx((value - 10.0) / (1.4826 * 0.5))
