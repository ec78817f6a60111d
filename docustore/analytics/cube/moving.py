"""Move a document of counters by many increments at once. Pure.

The server looks each path of an `$inc` up among all fields of its parent. A build counts a thousand slots in a
document of thousands: then it is many times cheaper to read the document, to add, and to write it back.
"""

from collections.abc import Mapping
from typing import Any, Final

# So many increments of one document cost the server more than reading and writing it.
MANY_INCREMENTS: Final = 50
# Documents that one step holds in memory; a document of a month has up to 60 KB.
MOST_DOCUMENTS: Final = 100

# The parts of an `_id`, in their order.
Ids = tuple[tuple[str, str], ...]
Increments = Mapping[str, int]


def heavy(increments: Mapping[Ids, Increments]) -> list[Ids]:
    """List the documents that are cheaper to write back, the largest ones first."""
    many = sorted(
        ((len(own), key) for key, own in increments.items() if len(own) >= MANY_INCREMENTS), reverse=True
    )
    return [key for _, key in many[:MOST_DOCUMENTS]]


def moved(document: dict[str, Any], increments: Increments) -> dict[str, Any]:
    """Add increments to a document, in place; return it.

    The same as an `$inc`, but a counter of a part that has fallen to zero is left out.

    Args:
        increments: By path; a path has one or two names.
    """
    for path, number in increments.items():
        part, _, name = path.partition(".")
        if not name:
            document[part] = document.get(part, 0) + number
            continue
        place = document.get(part)
        if place is None:
            place = document[part] = {}
        after = place.get(name, 0) + number
        if after:
            place[name] = after
        else:
            place.pop(name, None)
    return document
