"""Events wait longer with each attempt; destinations rest."""

from datetime import timedelta

import pytest

from docustore.outbox.backoff import GIVE_UP_AFTER, MAX_ATTEMPTS, SCHEDULE, pause_after, wait_after


def test_waits_are_those_of_the_standard() -> None:
    waits = [wait_after(attempts, chance=0.0) for attempts in range(1, MAX_ATTEMPTS + 1)]

    expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert waits == [*(timedelta(seconds=seconds) for seconds in expected), None]


def test_waits_are_up_to_a_tenth_longer() -> None:
    assert wait_after(1, chance=1.0) == timedelta(seconds=5.5)
    assert wait_after(1, chance=0.5) == timedelta(seconds=5.25)


def test_nothing_is_given_up_before_its_last_attempt() -> None:
    assert sum(SCHEDULE, timedelta()) * 1.1 < GIVE_UP_AFTER


@pytest.mark.parametrize(
    ("failures", "expected_s"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (500, 300)]
)
def test_rest_doubles_up_to_five_minutes(failures: int, expected_s: int) -> None:
    assert pause_after(failures, chance=0.0) == timedelta(seconds=expected_s)


def test_rest_is_at_least_what_the_destination_asks_for() -> None:
    assert pause_after(1, chance=0.0, retry_after=timedelta(minutes=7)) == timedelta(minutes=7)
    assert pause_after(10, chance=0.0, retry_after=timedelta(seconds=1)) == timedelta(minutes=5)
    assert pause_after(1, chance=0.0, retry_after=timedelta(days=40)) == timedelta(days=1)
    assert pause_after(1, chance=1.0) == timedelta(seconds=1.1)
