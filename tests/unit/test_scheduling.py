"""Which process of a test run gets which tests."""

import pytest

from tests.scheduling import next_unit, unit_of

WAITING = ("tests/chaos/test_api_soak.py", "tests/browser")
WORKING = ("tests/unit/test_logs.py", "tests/integration/api/test_lists.py")


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/unit/test_logs.py::test_one[a::b]", "tests/unit/test_logs.py"),
        ("tests/integration/etl/test_run.py::TestRun::test_one", "tests/integration/etl/test_run.py"),
        ("tests/browser/test_overview.py::test_one", "tests/browser"),
        ("tests/attacks/test_races.py::test_one", "tests/attacks"),
    ],
)
def test_unit_is_a_file_or_shares_a_service(test: str, unit: str) -> None:
    assert unit_of(test) == unit


def test_what_waits_begins_first() -> None:
    assert next_unit([*WORKING, *WAITING], may_wait=True) in WAITING


def test_third_process_works_meanwhile() -> None:
    assert next_unit([*WAITING, *WORKING], may_wait=False) == "tests/integration/api/test_lists.py"


def test_no_process_is_idle_while_units_are_left() -> None:
    assert next_unit(WAITING, may_wait=False) in WAITING


def test_small_units_come_last() -> None:
    left, order = list(WORKING), []
    while left:
        order.append(next_unit(left, may_wait=True))
        left.remove(order[-1])

    assert order == ["tests/integration/api/test_lists.py", "tests/unit/test_logs.py"]
