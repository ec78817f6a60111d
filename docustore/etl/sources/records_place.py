"""Find the list of records in an answer whose shape is not known. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_DEPTH: Final = 4


def records_place(body: bytes) -> str | None:
    """Find the path of the longest list of objects, such as `data.items`.

    Returns:
        The empty path if the text itself is the list; None if there is no such list.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    places = dict(_lists_of_objects(answer, ()))
    return max(places, key=lambda place: places[place], default=None)


def _lists_of_objects(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    if isinstance(value, list):
        if value and all(isinstance(element, Mapping) for element in value):
            yield ".".join(key.replace(".", r"\.") for key in keys), len(value)
    elif isinstance(value, Mapping) and len(keys) < MAX_DEPTH:
        for key, part in value.items():
            yield from _lists_of_objects(part, (*keys, key))
