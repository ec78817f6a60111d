"""The path to a value in a record of an upstream system. Pure.

`Name.Family` is the key of that name or, without such a key, `Family` inside `Name`. Double quotes keep the dots
of one part: `Name."Family.Name"`. A number is a place in a list: `emails.0.value`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

# One part: a text in double quotes, in which a quote is doubled, or a text without dots and quotes.
_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')

_QUOTE: Final = '"'

Record = Mapping[str, Any]
Lookup = Callable[[Record], Any]


def parts_of(path: str) -> tuple[str, ...]:
    """Split a path into its parts; a text that is no path is one key.

    Raises:
        ValueError: A double quote is not closed, or text follows it.
    """
    parts = []
    at = 0
    while found := _PART.match(path, at):
        parts.append(found.group(1).replace('""', '"') if found.group(1) else found.group(2))
        at = found.end()
        if at == len(path):
            return tuple(parts)
        if path[at] != ".":
            break
        at += 1
    if '"' in path:
        msg = f'the path {path} is malformed; put double quotes around a whole part, such as Name."Family.Name"'
        raise ValueError(msg)
    return (path,)


def lookup_of(path: str) -> Lookup:
    """Return a function that reads the value at a path; None if there is none."""
    parts = parts_of(path)
    if len(parts) == 1:
        key = parts[0]
        return lambda record: record.get(key)
    if '"' in path:
        return lambda record: _at(record, parts)
    return lambda record: record[path] if path in record else _at(record, parts)


def keys_of(path: str) -> frozenset[str]:
    """List the keys of a record that a path may read."""
    return frozenset({parts_of(path)[0]} if '"' in path else {path, parts_of(path)[0]})


def path_of(*parts: str) -> str:
    """Write the path of a value; the opposite of `parts_of`."""
    if len(parts) == 1 and '"' not in parts[0]:
        return parts[0]
    return ".".join(
        f'"{part.replace(_QUOTE, 2 * _QUOTE)}"' if {".", _QUOTE} & set(part) else part for part in parts
    )


def _at(record: Record, parts: tuple[str, ...]) -> Any:
    found: Any = record
    for part in parts:
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal():
            found = found[int(part)] if int(part) < len(found) else None
        else:
            return None
    return found
