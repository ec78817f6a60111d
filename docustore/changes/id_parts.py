"""Divide ids of users, so that each part fits into one command. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import bson
from bson import ObjectId

# A command holds 16 MB. Another client may write ids of megabytes.
MAX_PART_BYTES: Final = 4 * 1024 * 1024
_OBJECT_ID_BYTES: Final = 12


def parts_of(user_ids: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the ids in their order, in parts of at least one id."""
    part: list[Any] = []
    total = 0
    for user_id in user_ids:
        size = _OBJECT_ID_BYTES if isinstance(user_id, ObjectId) else len(bson.encode({"": user_id}))
        if part and total + size > MAX_PART_BYTES:
            yield part
            part, total = [], 0
        part.append(user_id)
        total += size
    if part:
        yield part
