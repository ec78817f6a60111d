"""One classifier of transient errors for the API, the ETL and the listener."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from docustore.errors import DatabaseUnavailableError
from docustore.lost_position import is_position_lost
from docustore.transient import (
    BSON_OBJECT_TOO_LARGE,
    MAX_TIME_EXPIRED,
    SNAPSHOT_TOO_OLD,
    UNAUTHORIZED,
    is_transient,
    server_codes,
    unavailability,
)

# Every code that the driver's specifications call retryable or resumable.
RETRYABLE_WRITES = {6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
RETRYABLE_READS = RETRYABLE_WRITES | {134}
NOT_PRIMARY = {91, 189, 10058, 10107, 11600, 11602, 13435, 13436}
RESUMABLE_STREAMS = RETRYABLE_WRITES | {43, 63, 133, 150, 234, 13388}
# Failures that a new transaction, snapshot or cursor does not repeat.
OF_ONE_ATTEMPT = {24, 50, 64, 112, 175, 202, 206, 225, 237, 246, 251, 290, 11601}
TRANSIENT = RETRYABLE_READS | NOT_PRIMARY | RESUMABLE_STREAMS | OF_ONE_ATTEMPT
FINAL = {2, 9, 13, 18, 59, 73, 121, 136, 211, 239, 260, 280, 286, 391, 464, 10334, 11000, 50738, 50811}


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_code_that_a_retry_can_avoid_is_transient(code: int) -> None:
    assert is_transient(OperationFailure("refused", code))


@pytest.mark.parametrize("code", sorted(FINAL))
def test_code_that_every_retry_repeats_is_final(code: int) -> None:
    assert not is_transient(OperationFailure("refused", code))


def test_every_code_the_driver_retries_is_transient() -> None:
    """The table of the driver may grow with its next version; our table must contain all its codes."""
    from pymongo.helpers_shared import _RETRYABLE_ERROR_CODES  # noqa: PLC0415

    assert {code for code in _RETRYABLE_ERROR_CODES if not is_transient(OperationFailure("", code))} == set()


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("closed"),
        NetworkTimeout("late"),
        NotPrimaryError("stepped down"),
        ServerSelectionTimeoutError("no primary"),
        WaitQueueTimeoutError("busy"),
        CursorNotFound("gone", 43),
        ExecutionTimeout("late", 50),
        WTimeoutError("late", 64, {"writeConcernError": {"code": 64}}),
        WriteConcernError("stepped down", 189),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lost_connections_and_time_limits_are_transient(error: PyMongoError) -> None:
    assert is_transient(error)
    assert isinstance(unavailability(error), DatabaseUnavailableError)


@pytest.mark.parametrize(
    "label",
    [
        "ResumableChangeStreamError",
        "RetryableWriteError",
        "TransientTransactionError",
        "UnknownTransactionCommitResult",
    ],
)
def test_label_makes_any_code_transient(label: str) -> None:
    error = OperationFailure("refused", 11000)

    error._add_error_label(label)

    assert is_transient(error)


@pytest.mark.parametrize(
    "error", [InvalidOperation("closed"), ValueError("not ours"), OperationFailure("no code")]
)
def test_error_without_a_known_reason_is_final(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize(
    ("codes", "concern", "is_expected"),
    [
        ([11000], [], False),
        ([121, 11000], [], False),
        ([11000, 10107], [], True),
        ([], [64], True),
        ([], [100], False),
        ([], [], False),
    ],
)
def test_bulk_write_depends_on_its_operations(codes: list[int], concern: list[int], *, is_expected: bool) -> None:
    details = {
        "writeErrors": [{"index": index, "code": code} for index, code in enumerate(codes)],
        "writeConcernErrors": [{"code": code} for code in concern],
    }

    assert is_transient(BulkWriteError(details)) is is_expected


def test_final_error_is_not_unavailability() -> None:
    assert unavailability(OperationFailure("refused", 13)) is None


@pytest.mark.parametrize(
    ("code", "while_opening", "is_expected"),
    [
        (136, False, True),
        (136, True, True),
        (280, False, True),
        (280, True, True),
        (286, False, True),
        (286, True, True),
        (464, False, True),
        (464, True, True),
        (260, False, False),
        (260, True, True),
        (50811, False, False),
        (50811, True, True),
        (10334, True, False),
        *((code, True, False) for code in sorted(TRANSIENT)),
        (13, True, False),
        (18, True, False),
    ],
)
def test_position_is_lost_only_by_final_errors(code: int, *, while_opening: bool, is_expected: bool) -> None:
    error = OperationFailure("refused", code)

    assert is_position_lost(error, while_opening=while_opening) is is_expected


def test_lost_connection_does_not_lose_the_position() -> None:
    assert not is_position_lost(AutoReconnect("closed"), while_opening=True)


@pytest.mark.parametrize(
    ("code", "number"),
    [(UNAUTHORIZED, 13), (MAX_TIME_EXPIRED, 50), (SNAPSHOT_TOO_OLD, 239), (BSON_OBJECT_TOO_LARGE, 10334)],
)
def test_named_code_is_the_server_s_own(code: int, number: int) -> None:
    assert code == number


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        (OperationFailure("refused", 13), {13}),
        (OperationFailure("no code"), set()),
        (AutoReconnect("closed"), set()),
        (
            BulkWriteError({"writeErrors": [{"code": 11000}, {}], "writeConcernErrors": [{"code": 64}]}),
            {11000, 64},
        ),
        (BulkWriteError({}), set()),
    ],
)
def test_codes_of_an_error_are_those_the_server_gave(error: PyMongoError, codes: set[int]) -> None:
    assert server_codes(error) == codes
