"""The rows of `user_history`: one immutable row per change of a user.

The `_id` of a row is its number in the order of changes: dense, 1..n, assigned by the change listener in the
transaction that applied the change. Rows beyond the committed sequence number belong to an unfinished snapshot.
Readers that must not see them bound `_id` by the `seq` of `change_positions`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, NotRequired, TypedDict

from beanie import Document
from bson.timestamp import Timestamp
from pydantic import ConfigDict, Field

HISTORY: Final = "user_history"
# The writer of a change that no docustore process made: another client, or an unknown writer.
EXTERNAL_SOURCE: Final = "external"


class Operation(StrEnum):
    """The kind of a row; the last two come from a comparison, not from an event."""

    INSERT = "insert"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SNAPSHOT = "snapshot"
    RECOVERED = "recovered"


class FieldChange(TypedDict, total=False):
    """One changed top-level field.

    A side is absent where the field was absent. If both sides are documents (`profile`), each holds only the
    sub-fields that differ. `omitted` replaces values that are too large to be kept twice.
    """

    before: Any
    after: Any
    omitted: bool


class HistoryRow(TypedDict):
    """One row as it is stored.

    `changes` holds the fields that differ, less bookkeeping (see `docustore.history.rows`); it is empty without a
    state before (`insert`, `snapshot`). `after` is the whole user after the change, without `password_hash`; it is
    null exactly if the user is deleted. `approximate` marks an `after` that was read later than the change: the
    server had no post-image. `omitted` names the fields of `after` that were left out to stay below 16 MB. `cause`
    is that of `docustore.users.cause`; it is absent if the writer of the change is another client, or an older
    version of docustore. A compacted row has `undo` instead of `after`, see `docustore.history.undo`; the newest
    row of a user is never compacted.
    """

    _id: int
    event_id: str
    operation: str
    user_id: Any
    changes: dict[str, FieldChange]
    after: Any
    undo: NotRequired[dict[str, Any]]
    valid_from: datetime
    cluster_time: Timestamp
    source: str
    cause: NotRequired[dict[str, str]]
    approximate: NotRequired[bool]
    omitted: NotRequired[list[str]]


class UserHistory(Document):
    """A history row for readers; the listener writes rows without models."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: int  # type: ignore[assignment]  # the sequence number
    event_id: str
    operation: Operation
    user_id: Any
    changes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    after: dict[str, Any] | None = None
    undo: dict[str, Any] | None = None
    valid_from: datetime
    cluster_time: Timestamp
    source: str
    cause: dict[str, str] | None = None
    approximate: bool = False
    omitted: list[str] = Field(default_factory=list)

    class Settings:
        """Beanie's settings."""

        name: ClassVar[str] = HISTORY
        keep_nulls: ClassVar[bool] = True
