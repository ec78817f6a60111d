"""The server errors that mean a lost position.

See `docustore.transient` for all others.
"""

from typing import Final

from pymongo.errors import OperationFailure, PyMongoError

CAPPED_POSITION_LOST: Final = 136
CHANGE_STREAM_FATAL_ERROR: Final = 280
CHANGE_STREAM_HISTORY_LOST: Final = 286
SHARD_REMOVED_ERROR: Final = 464
INVALID_RESUME_TOKEN: Final = 260
# No name of its own: the server cannot decode the token's key string.
MALFORMED_KEY_STRING: Final = 50811

# The category NonResumableChangeStreamError of the server, and a cursor that the capped oplog has overtaken.
_LOST: Final = frozenset(
    {CAPPED_POSITION_LOST, CHANGE_STREAM_FATAL_ERROR, CHANGE_STREAM_HISTORY_LOST, SHARD_REMOVED_ERROR}
)
# What a stored token can cause: the same token never opens a stream again.
_LOST_WHILE_OPENING: Final = _LOST | {INVALID_RESUME_TOKEN, MALFORMED_KEY_STRING}


def is_position_lost(error: PyMongoError, *, while_opening: bool) -> bool:
    """Tell a lost position from a transient failure.

    When in doubt, False: a needless retry costs seconds, a needless recovery reads the whole collection.
    """
    if not isinstance(error, OperationFailure):
        return False
    return error.code in (_LOST_WHILE_OPENING if while_opening else _LOST)
