"""The difference of two JSON documents as a JSON Patch (RFC 6902). Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

Json = Any


class PatchOperation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation of a JSON Patch; `remove` has no value."""

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = msgspec.UNSET


def json_patch(before: Mapping[str, Json] | None, after: Mapping[str, Json] | None) -> list[PatchOperation]:
    """List the operations that turn one document into the other.

    A document that appears or goes replaces the whole: its path is empty, and null stands for no document. An
    array that differs is replaced as a whole.
    """
    if before is None and after is None:
        return []
    if before is None or after is None:
        return [PatchOperation(op="replace", path="", value=None if after is None else dict(after))]
    return list(_operations(before, after, path=""))


def changed_names(patch: list[PatchOperation]) -> list[str]:
    """List the top-level members that a patch touches, in its order."""
    names = (operation.path.split("/")[1] for operation in patch if operation.path)
    return list(dict.fromkeys(name.replace("~1", "/").replace("~0", "~") for name in names))


def _operations(before: Mapping[str, Json], after: Mapping[str, Json], *, path: str) -> Iterator[PatchOperation]:
    for name, value in after.items():
        place = f"{path}/{_escaped(name)}"
        if name not in before:
            yield PatchOperation(op="add", path=place, value=value)
        elif isinstance(value, Mapping) and isinstance(before[name], Mapping):
            yield from _operations(before[name], value, path=place)
        elif before[name] != value or type(before[name]) is not type(value):
            yield PatchOperation(op="replace", path=place, value=value)
    for name in before:
        if name not in after:
            yield PatchOperation(op="remove", path=f"{path}/{_escaped(name)}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
