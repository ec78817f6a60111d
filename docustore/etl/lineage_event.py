"""The lineage events that a run keeps until they are delivered."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class LineageType(StrEnum):
    """The transition of a run, in the words of OpenLineage."""

    START = "START"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


class LineageState(StrEnum):
    """The state of a lineage event; `skipped` was given up by a person."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SKIPPED = "skipped"


class LineageEvent(BaseModel):
    """One transition that is told, or was told, to the receiver of lineage."""

    type: LineageType
    at: datetime
    state: LineageState


class Lineage(BaseModel):
    """The outbox of one run: its input and the events of its transitions, in order.

    `next_attempt_at` is null while nothing is pending.
    """

    namespace: str
    name: str
    events: list[LineageEvent]
    next_attempt_at: datetime | None = None
    taken_until: datetime | None = None
    attempts: int = 0
    error: str | None = None
