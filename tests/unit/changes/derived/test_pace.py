"""A derived effect gives way while the listener drains a backlog."""

import pytest

from docustore.changes.derived.pace import DRAINING_ROWS_PER_S, LONGEST_WAIT_S, Pace


def watched(*rates: float) -> Pace:
    """Note one number per second, at these rates."""
    pace, seq = Pace(), 0.0
    pace.note(0, now=0.0)
    for second, rate in enumerate(rates, 1):
        seq += rate
        pace.note(int(seq), now=float(second))
    return pace


@pytest.mark.parametrize(("is_behind", "rest_s"), [(False, 6.0), (True, 0.0)])
def test_steady_writes_are_followed_in_few_steps(is_behind: bool, rest_s: float) -> None:
    """An effect rests between small steps, and never while more rows wait than one step takes."""
    pace = watched(500, 500, DRAINING_ROWS_PER_S)

    assert not pace.must_wait(now=3.0)
    assert pace.rest_s(worked_s=1.0, is_building=False, is_behind=is_behind) == rest_s


def test_drain_goes_first() -> None:
    pace = watched(500, 20_000)

    assert pace.must_wait(now=2.0)
    assert pace.must_wait(now=2.0 + LONGEST_WAIT_S - 0.1)


def test_drain_of_large_transactions_goes_first() -> None:
    """A look between two commits sees no progress; the listener drains all the same."""
    pace = Pace()
    for look in range(20):
        pace.note(look // 2 * 1000, now=look / 10)

    assert pace.must_wait(now=2.0)


def test_first_look_tells_no_rate() -> None:
    pace = Pace()
    pace.note(5000, now=0.0)

    assert pace.must_wait(now=0.0)


def test_wait_for_a_drain_is_bounded() -> None:
    """Then the effect works a quarter of the time."""
    pace = watched(*[20_000] * 9)

    assert not pace.must_wait(now=9.0)
    assert pace.rest_s(worked_s=1.0, is_building=True) == 3.0


def test_end_of_a_drain_ends_the_wait() -> None:
    assert not watched(20_000, 0).must_wait(now=2.0)


def test_build_leaves_half_of_the_time() -> None:
    assert watched(500).rest_s(worked_s=0.5, is_building=True) == 0.5
