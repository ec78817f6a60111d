"""Which failures end the work of a listener, and which concern one change only."""

from typing import Final

from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from docustore.errors import ListenerError
from docustore.transient import SNAPSHOT_TOO_OLD, UNAUTHORIZED, is_transient

AUTHENTICATION_FAILED: Final = 18
OUT_OF_DISK_SPACE: Final = 14031
# Failures of every write, whatever the change is.
_OF_EVERY_WRITE: Final = frozenset({UNAUTHORIZED, AUTHENTICATION_FAILED, OUT_OF_DISK_SPACE, SNAPSHOT_TOO_OLD})


def stops_the_listener(error: Exception) -> bool:
    """Tell whether another change would fail in the same way, or a retry may succeed.

    Any other failure belongs to the change: the change becomes a dead letter.
    """
    if isinstance(error, ListenerError | ConfigurationError):
        return True
    if isinstance(error, OperationFailure) and error.code in _OF_EVERY_WRITE:
        return True
    return isinstance(error, PyMongoError) and is_transient(error)
