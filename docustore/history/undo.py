"""Compacted rows: the state of a user from its next state and an undo. Pure.

A compacted row has no `after`. Its `undo` says how the state after the row's change differs from the state after
the next change of the same user. So the states of a user are read backwards, from a row that still has its state.
The newest row of a user always has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from docustore.history.rows import Image, same_value

# Compacted rows that may follow each other; the next row keeps its state. It bounds what a reader must read.
MAX_CHAIN: Final = 15
# `profile.preferences` is two levels. Below, a value is kept whole: an undo nests twice as deep as its user.
_MAX_LEVELS: Final = 3
_ABSENT: Final = object()

Row = Mapping[str, Any]


class Undo(TypedDict, total=False):
    """What turns the next state into this one.

    `set` are fields with other values, `unset` fields that this state lacks, `within` the undos of embedded
    documents. `depth` counts the compacted rows directly before this one; only the outermost undo has it.
    """

    set: dict[str, Any]
    unset: list[str]
    within: dict[str, "Undo"]
    depth: int


def undo_of(state: Image, following: Image, *, levels: int = _MAX_LEVELS) -> Undo:
    """Return the undo that turns `following` into `state`.

    The order of fields is not kept.
    """
    undo: Undo = {}
    for name, value in state.items():
        other = following.get(name, _ABSENT)
        if same_value(value, other):
            continue
        if levels > 0 and isinstance(value, dict) and isinstance(other, dict):
            undo.setdefault("within", {})[name] = undo_of(value, other, levels=levels - 1)
        else:
            undo.setdefault("set", {})[name] = value
    if unset := [name for name in following if name not in state]:
        undo["unset"] = unset
    return undo


def undone(following: Image, undo: Undo) -> dict[str, Any]:
    """Return the state before `following`."""
    unset = undo.get("unset", ())
    state = {name: value for name, value in following.items() if name not in unset}
    state |= undo.get("set", {})
    for name, inner in undo.get("within", {}).items():
        state[name] = undone(state[name], inner)
    return state


def has_state(row: Row) -> bool:
    """Tell whether a row needs no later row; a deletion needs none."""
    return "undo" not in row


def states_of(rows: Sequence[Row]) -> list[Image | None]:
    """Return the state after each row; None where the user was deleted.

    Args:
        rows: Consecutive rows of one user, oldest first; the last one has its state.

    Raises:
        ValueError: The last row is compacted.
    """
    states: list[Image | None] = []
    following: Image | None = None
    for row in reversed(rows):
        if has_state(row):
            following = row.get("after")
        elif following is None:
            msg = f"row {row['_id']} is compacted, and its next state was not read"
            raise ValueError(msg)
        else:
            following = undone(following, row["undo"])
        states.append(following)
    states.reverse()
    return states
