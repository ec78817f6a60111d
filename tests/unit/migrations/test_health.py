from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.migrations.health import Health, Limits, greatest_lag_s, problem_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(max_lag_s=30, min_free_mb=100)
PRIMARY, SECONDARY, DOWN = 1, 2, 8


def member(state: int, behind_s: int) -> dict[str, Any]:
    return {"state": state, "optimeDate": NOW - timedelta(seconds=behind_s)}


def test_lag_is_that_of_the_slowest_secondary() -> None:
    assert greatest_lag_s([member(SECONDARY, 5), member(PRIMARY, 0), member(SECONDARY, 40)]) == 40


def test_member_that_is_down_does_not_count() -> None:
    assert greatest_lag_s([member(PRIMARY, 0), member(DOWN, 9000)]) == 0


def test_set_without_primary_has_no_lag() -> None:
    assert greatest_lag_s([member(SECONDARY, 5)]) == 0


@pytest.mark.parametrize(
    "health",
    [Health(lag_s=30, free_mb=100), Health(lag_s=None, free_mb=None), Health(lag_s=0, free_mb=None)],
)
def test_within_the_limits_or_unknown_continues(health: Health) -> None:
    assert problem_of(health, LIMITS) is None


def test_lag_and_disk_stop_with_a_next_step() -> None:
    lag = problem_of(Health(lag_s=31, free_mb=100), LIMITS)
    disk = problem_of(Health(lag_s=0, free_mb=99), LIMITS)

    assert lag is not None
    assert "31 s behind" in lag
    assert "--max-per-s" in lag
    assert disk is not None
    assert "99 MB free" in disk
    assert "free some space" in disk
