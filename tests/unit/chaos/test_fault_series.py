"""The order of faults is a function of the seed."""

from tests.chaos.fault_series import planned

WEIGHTS = {"kill": 5, "freeze": 1, "cut": 1}


def _kinds(*, faults: int, seed: int) -> list[str]:
    return [fault.kind for fault in planned(WEIGHTS, faults=faults, seed=seed, longest_pause_s=1)]


def test_seed_gives_the_same_plan() -> None:
    one = planned(WEIGHTS, faults=20, seed=7, longest_pause_s=1)

    assert planned(WEIGHTS, faults=20, seed=7, longest_pause_s=1) == one
    assert planned(WEIGHTS, faults=20, seed=8, longest_pause_s=1) != one


def test_every_kind_comes_before_one_comes_twice() -> None:
    for seed in range(20):
        assert sorted(_kinds(faults=3, seed=seed)) == sorted(WEIGHTS)
        assert len(set(_kinds(faults=2, seed=seed))) == 2


def test_heavier_kinds_come_more_often() -> None:
    kinds = _kinds(faults=300, seed=1)

    assert kinds.count("kill") > 2 * kinds.count("freeze") > 0
