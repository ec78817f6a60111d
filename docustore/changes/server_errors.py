"""What the server's errors mean for a change stream, by its own codes.

Names: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
"""

from typing import Final

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WaitQueueTimeoutError

CHANGE_STREAM_FATAL_ERROR: Final = 280
CHANGE_STREAM_HISTORY_LOST: Final = 286
SHARD_REMOVED_ERROR: Final = 464
INVALID_RESUME_TOKEN: Final = 260
SNAPSHOT_TOO_OLD: Final = 239
BSON_OBJECT_TOO_LARGE: Final = 10334

# Its category NonResumableChangeStreamError.
_LOST: Final = frozenset({CHANGE_STREAM_FATAL_ERROR, CHANGE_STREAM_HISTORY_LOST, SHARD_REMOVED_ERROR})
_PASSING_LABELS: Final = (
    "ResumableChangeStreamError",
    "RetryableWriteError",
    "TransientTransactionError",
    "UnknownTransactionCommitResult",
)
_PASSING_CODES: Final = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        43,  # CursorNotFound
        50,  # MaxTimeMSExpired
        63,  # StaleShardVersion
        64,  # WriteConcernFailed
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
        246,  # SnapshotUnavailable
        251,  # NoSuchTransaction
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        24,  # LockTimeout
        11601,  # Interrupted
    }
)


def is_passing(error: PyMongoError) -> bool:
    """Tell whether the same work may succeed on a new connection, cursor or transaction.

    When in doubt, False: a listener that stops loudly is restarted and looked at; one that retries what can
    never work looks healthy and applies nothing.
    """
    if isinstance(error, ConnectionFailure | WaitQueueTimeoutError):
        return True
    if any(error.has_error_label(label) for label in _PASSING_LABELS):
        return True
    return isinstance(error, OperationFailure) and error.code in _PASSING_CODES


def is_position_lost(error: PyMongoError, *, while_opening: bool) -> bool:
    """Tell a dead position from a passing failure.

    When in doubt, False: a needless retry costs seconds, a needless recovery reads the whole collection.
    """
    if not isinstance(error, OperationFailure):
        return False
    return error.code in _LOST or (while_opening and error.code == INVALID_RESUME_TOKEN)
