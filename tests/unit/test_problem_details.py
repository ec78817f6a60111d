import pytest

from docustore import errors
from docustore.errors import DocustoreError
from docustore.problem_details import STATUS_BY_ERROR, status_of


def subclasses(error: type[DocustoreError]) -> set[type[DocustoreError]]:
    return {error} | {deeper for direct in error.__subclasses__() for deeper in subclasses(direct)}


OURS = [error for error in subclasses(DocustoreError) - {DocustoreError} if error.__module__ == errors.__name__]


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_every_error_or_its_branch_has_a_status(error: type[DocustoreError]) -> None:
    assert any(ancestor in STATUS_BY_ERROR for ancestor in error.__mro__)


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_only_retryable_errors_are_503(error: type[DocustoreError]) -> None:
    """A client may send a 503 again; what will never succeed must not say so."""
    assert (status_of(error) == 503) == issubclass(error, errors.RetryableError)
