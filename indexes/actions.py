"""One change of one collection, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ActionKind(StrEnum):
    """What has to be done; in the order in which the actions of one collection are done.

    An index is built before the one that it replaces is dropped, so that at no time is there neither.
    """

    CREATE_COLLECTION = "create_collection"
    SET_VALIDATOR = "set_validator"
    ENABLE_IMAGES = "enable_images"
    MODIFY_INDEX = "modify_index"
    MAKE_UNIQUE = "make_unique"
    # Only where the server takes old and new for the same index, so that they cannot be there together.
    DROP_BLOCKING_INDEX = "drop_blocking_index"
    CREATE_INDEX = "create_index"
    DROP_REPLACED_INDEX = "drop_replaced_index"
    HIDE_EXTRA_INDEX = "hide_extra_index"
    DROP_EXTRA_INDEX = "drop_extra_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change; `document` holds the arguments of the server's command, in the server's own shape."""

    kind: ActionKind
    collection: str
    reason: str
    index: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraIndex:
    """An index that no declaration asks for."""

    collection: str
    index: str
    is_hidden: bool
