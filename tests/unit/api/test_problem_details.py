from datetime import timedelta
from typing import Any

import pytest
from litestar import Request, Response
from pymongo.errors import (
    AutoReconnect,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from docustore import errors
from docustore.api.problem_details import STATUS_BY_ERROR, database_problem, domain_problem, status_of
from docustore.errors import DocustoreError


def subclasses(error: type[DocustoreError]) -> set[type[DocustoreError]]:
    return {error} | {deeper for direct in error.__subclasses__() for deeper in subclasses(direct)}


# Sorted: every process of a test run must list the same tests in the same order.
OURS = sorted(
    (error for error in subclasses(DocustoreError) - {DocustoreError} if error.__module__ == errors.__name__),
    key=lambda error: error.__name__,
)


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_every_error_or_an_ancestor_has_a_status(error: type[DocustoreError]) -> None:
    assert any(ancestor in STATUS_BY_ERROR for ancestor in error.__mro__)


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_only_retryable_errors_are_503_or_429(error: type[DocustoreError]) -> None:
    """A client may retry these; a non-retryable error must not have their status."""
    assert (status_of(error) in {429, 503}) == issubclass(error, errors.RetryableError)


def answered(handler: Any, error: Exception) -> Response[Any]:
    request: Any = Request({"type": "http", "path": "/users", "method": "GET", "headers": []})
    return handler(request, error)


@pytest.mark.parametrize(
    "error", [AutoReconnect("x"), ServerSelectionTimeoutError("x"), ExecutionTimeout("x", 50)]
)
def test_transient_error_is_503_with_retry_after(error: PyMongoError) -> None:
    response = answered(database_problem, error)

    assert (response.status_code, response.content.type) == (503, "/problems/database-unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_retry_after_of_the_error_is_sent() -> None:
    error = errors.QueueUnavailableError("later", retry_after=timedelta(minutes=2))

    assert answered(domain_problem, error).headers["Retry-After"] == "120"


def test_other_driver_errors_reveal_nothing() -> None:
    response = answered(database_problem, OperationFailure("secret"))

    assert response.status_code == 500
    assert "secret" not in str(response.content)
