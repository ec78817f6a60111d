"""Which times a listener can be moved to."""

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.changes.comparison import read_chunk
from docustore.changes.layout import stored_positions
from docustore.changes.position import Position, position_of
from docustore.cluster_time import last_applied
from docustore.database import Database
from docustore.errors import FieldError, InvalidInputError
from docustore.transient import SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE


async def reachable(database: Database, seconds: int) -> Timestamp:
    """Return the cluster time of a moment that the listener can continue from.

    Raises:
        InvalidInputError: It is before the position, in the future, or older than the server's past states.
    """
    now = await last_applied(database)
    if seconds > now.time:
        raise _refused("is in the future")
    at = Timestamp(max(seconds, 0), 0)
    positions = [position_of(document) for document in await stored_positions(database)]
    if any(at < time for position in positions for time in _applied_times(position)):
        raise _refused("is before the position: its changes are applied, and none is applied twice")
    try:
        await read_chunk(database, at, after=None)
    except OperationFailure as exc:
        if exc.code not in {SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE}:
            raise
        raise _refused("is older than the states that the server keeps; use reset --to now") from exc
    return at


def _applied_times(position: Position) -> list[Timestamp]:
    """List times up to which changes may be applied."""
    times = [floor.until for floor in position.floors]
    return times if position.cluster_time is None else [*times, position.cluster_time]


def _refused(problem: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer="/to", code="unreachable", detail=f"this time {problem}"),))
