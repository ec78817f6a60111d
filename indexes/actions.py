"""One change of one collection, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ActionKind(StrEnum):
    """Kinds of action, in the order in which they run on one collection.

    An index is built before the one that it replaces is dropped, so that one of the two always exists.
    """

    CREATE_COLLECTION = "create_collection"
    CREATE_VIEW = "create_view"
    SET_VIEW = "set_view"
    SET_VALIDATOR = "set_validator"
    ENABLE_IMAGES = "enable_images"
    MODIFY_INDEX = "modify_index"
    MAKE_UNIQUE = "make_unique"
    # Only when the server treats old and new as the same index, so that both cannot exist.
    DROP_BLOCKING_INDEX = "drop_blocking_index"
    CREATE_INDEX = "create_index"
    DROP_REPLACED_INDEX = "drop_replaced_index"
    HIDE_EXTRA_INDEX = "hide_extra_index"
    DROP_EXTRA_INDEX = "drop_extra_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change; `document` holds the arguments of the server command."""

    kind: ActionKind
    collection: str
    reason: str
    index: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraIndex:
    """An index without a declaration."""

    collection: str
    index: str
    is_hidden: bool
