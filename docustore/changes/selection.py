"""Which changes of the stream a position applies. Pure."""

from typing import Any

from docustore.changes.floors import is_above
from docustore.changes.pipeline import USER_ID
from docustore.changes.position import Position
from docustore.users.partition import is_in


def selected(position: Position) -> list[dict[str, Any]]:
    """Return the conditions of the changes that a position applies."""
    partition = position.partition
    own = [] if partition is None else [is_in(USER_ID, index=partition.index, of=partition.of)]
    return own + [is_above(floor, USER_ID) for floor in position.floors]
