"""Log records contain no error texts."""

from stamina.instrumentation import RetryDetails
from structlog.testing import capture_logs

from docustore.logs import log_retry


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
