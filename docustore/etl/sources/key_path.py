"""Find values in JSON objects by dotted paths, such as `data.items`. Pure."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_SCANNER: Final = json.JSONDecoder()
_DOT: Final = re.compile(r"(?<!\\)\.")

Keys = tuple[str, ...]


@cache
def keys_of(path: str) -> Keys:
    r"""Split a path at its dots; `\.` is a dot within a name."""
    return tuple(key.replace("\\.", ".") for key in _DOT.split(path)) if path else ()


def value_at(value: Any, keys: Keys) -> Any:
    """Return the value at a path; None if a part of the path is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def start_of(text: str, keys: Keys) -> int:
    """Return the offset of the value at a path that exists in a JSON text."""
    at = _skip(text, 0)
    for wanted in keys:
        at = _start_of_key(text, at, wanted)
    return at


def _start_of_key(text: str, at: int, wanted: str) -> int:
    at += 1
    found = -1
    while text[at := _skip(text, at)] != "}":
        key, at = _SCANNER.raw_decode(text, at)
        at = _skip(text, at)
        if key == wanted:
            # Of a repeated key, decoders take the last one.
            found = at
        _, at = _SCANNER.raw_decode(text, at)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n,:":
        at += 1
    return at
