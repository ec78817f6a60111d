"""Tell transient failures of MongoDB from final failures.

The API, the ETL and the listener all use this one classifier.

Names and numbers of the codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
"""

from typing import Final

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from docustore.errors import DatabaseUnavailableError

UNAUTHORIZED: Final = 13
MAX_TIME_EXPIRED: Final = 50
DOCUMENT_VALIDATION_FAILURE: Final = 121
SNAPSHOT_TOO_OLD: Final = 239
SNAPSHOT_UNAVAILABLE: Final = 246
BSON_OBJECT_TOO_LARGE: Final = 10334
DUPLICATE_KEY: Final = 11000

# Labels of the driver and the server: the same command, transaction or stream can be retried.
_TRANSIENT_LABELS: Final = (
    "ResumableChangeStreamError",
    "RetryableWriteError",
    "TransientTransactionError",
    "UnknownTransactionCommitResult",
)
# The retryable codes of the driver specifications (retryable reads and writes, SDAM, change streams), and the
# codes of failures that a new cursor, snapshot or transaction does not repeat.
# https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
# https://github.com/mongodb/specifications/blob/master/source/change-streams/change-streams.md
_TRANSIENT_CODES: Final = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        43,  # CursorNotFound
        MAX_TIME_EXPIRED,
        63,  # StaleShardVersion
        64,  # WriteConcernTimeout
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        150,  # StaleEpoch
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        206,  # NoSuchSession
        225,  # TransactionTooOld
        234,  # RetryChangeStream
        237,  # CursorKilled
        SNAPSHOT_UNAVAILABLE,
        251,  # NoSuchTransaction
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        9001,  # SocketException
        10058,  # LegacyNotPrimary
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)


def is_transient(error: BaseException) -> bool:
    """Tell whether a retry may succeed on a new connection, cursor or transaction.

    An unordered bulk write is transient if at least one of its operations failed for a transient reason: its
    callers reclassify the whole batch. When in doubt, False: a process that stops with an error is restarted and
    checked; a process that retries a final failure looks healthy and does nothing.
    """
    if not isinstance(error, PyMongoError):
        return False
    if isinstance(error, ConnectionFailure) or error.timeout:
        return True
    if any(error.has_error_label(label) for label in _TRANSIENT_LABELS):
        return True
    return not _TRANSIENT_CODES.isdisjoint(server_codes(error))


def server_codes(error: PyMongoError) -> frozenset[int]:
    """List the server's codes of an error; for a bulk write, of all its operations."""
    if isinstance(error, BulkWriteError):
        failures = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        return frozenset(failure["code"] for failure in failures if "code" in failure)
    code = error.code if isinstance(error, OperationFailure) else None
    return frozenset() if code is None else frozenset({code})


def unavailability(error: PyMongoError) -> DatabaseUnavailableError | None:
    """Translate a transient error for callers that retry; None for a final error."""
    if is_transient(error):
        return DatabaseUnavailableError("MongoDB does not answer; check DOCUSTORE_MONGODB_URL and the server")
    return None
