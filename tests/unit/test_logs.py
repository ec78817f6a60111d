"""Log records contain no error texts."""

import io
import logging
from collections.abc import Iterator

import pytest
from pymongo.errors import AutoReconnect
from pymongo.logger import _log_client_error
from stamina.instrumentation import RetryDetails
from structlog.testing import capture_logs

from docustore.logs import log_retry, shorten_driver_error


@pytest.fixture
def driver_log() -> Iterator[io.StringIO]:
    """What the driver's logger writes with the filter of the program."""
    stream, logger = io.StringIO(), logging.getLogger("pymongo.client")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.addFilter(shorten_driver_error)
    yield stream
    logger.removeFilter(shorten_driver_error)
    logger.removeHandler(handler)


def test_retry_is_logged_without_the_errors_text() -> None:
    """The text of an error may contain the secret of an alert URL, or documents."""
    retry = RetryDetails(
        name="", args=(), kwargs={}, retry_num=1, wait_for=0.25, waited_so_far=0.0, caused_by=ValueError("secret")
    )

    with capture_logs() as logged:
        log_retry(retry)

    assert logged == [
        {"event": "retry.scheduled", "log_level": "warning", "attempt": 1, "error": "ValueError", "wait_s": 0.25}
    ]


@pytest.mark.parametrize("error", [AutoReconnect("connection closed"), ConnectionResetError("cut")])
def test_lost_connection_of_the_driver_is_one_line(driver_log: io.StringIO, error: Exception) -> None:
    try:
        raise error
    except (AutoReconnect, OSError):
        _log_client_error()

    assert driver_log.getvalue().splitlines() == [
        f"MongoClient background task encountered an error: {type(error).__name__}"
    ]


def test_unknown_error_of_the_driver_keeps_its_stack(driver_log: io.StringIO) -> None:
    try:
        int("bug")
    except ValueError:
        _log_client_error()

    assert "Traceback" in driver_log.getvalue()
