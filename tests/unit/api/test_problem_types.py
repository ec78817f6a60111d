from http import HTTPStatus

import pytest

from docustore.api.problem_details import CLIENT_CLOSED_REQUEST, FRAMEWORK_PROBLEMS, STATUS_BY_ERROR, name_of
from docustore.api.problem_types import NEXT_STEPS, PROBLEM_TYPES
from docustore.errors import DocustoreError

NOT_ANSWERED = {HTTPStatus.INTERNAL_SERVER_ERROR, CLIENT_CLOSED_REQUEST}
ANSWERED = [error for error, status in STATUS_BY_ERROR.items() if status not in NOT_ANSWERED]


@pytest.mark.parametrize("error", ANSWERED, ids=lambda error: error.__name__)
def test_every_error_has_a_type_with_its_status(error: type[DocustoreError]) -> None:
    assert PROBLEM_TYPES[name_of(error)].status == STATUS_BY_ERROR[error]


def test_every_problem_of_the_framework_has_a_type() -> None:
    assert {PROBLEM_TYPES[name].status for name in FRAMEWORK_PROBLEMS.values()} == set(FRAMEWORK_PROBLEMS)


def test_every_type_has_a_next_step() -> None:
    """A new error needs a line in `NEXT_STEPS`; a line without an error is a leftover."""
    assert set(PROBLEM_TYPES) == set(NEXT_STEPS)
