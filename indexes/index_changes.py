"""Difference between declared and existing indexes of one collection (pure).

An index is recognised by its definition (keys and options), not by its name, because the server cannot rename an
index. A changed index is built beside the old one under a second name (`email_unique`, `email_unique_next`), and
keeps that name when the old one is dropped.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from indexes.actions import Action, ActionKind, ExtraIndex

# An index as the server lists it and as `IndexModel.document` gives it: `{key, name, unique?, ...}`.
Index = Mapping[str, Any]

# Options that make two indexes with the same keys different for the server (5.0 and later).
_DISTINGUISHING: Final = frozenset({"unique", "sparse", "partialFilterExpression", "collation"})
_DESCRIPTIVE: Final = frozenset({"v", "ns", "name", "key", "background", "prepareUnique"})
_EXPIRY: Final = "expireAfterSeconds"


def index_changes(
    collection: str, declared: Sequence[Index], existing: Sequence[Index]
) -> tuple[list[Action], list[ExtraIndex]]:
    """Return actions for the declared indexes, and the undeclared indexes."""
    serving = {wanted["name"]: _serving(wanted, existing) for wanted in declared}
    in_use = {index["name"] for index in serving.values() if index is not None}
    unclaimed = {index["name"]: index for index in existing if index["name"] not in in_use}
    actions: list[Action] = []
    for wanted in declared:
        name = wanted["name"]
        superseded = [unclaimed.pop(n) for n in (name, alternate_name(name)) if n in unclaimed]
        if serving[name] is None:
            actions += _reach(collection, wanted, superseded)
        else:
            actions += [_drop(collection, old) for old in superseded]
    extra = [
        ExtraIndex(collection=collection, index=name, is_hidden=bool(index.get("hidden")))
        for name, index in unclaimed.items()
    ]
    return actions, extra


def index_creation(collection: str, index: Index, *, reason: str) -> Action:
    """Return the action that builds an index."""
    return Action(
        kind=ActionKind.CREATE_INDEX, collection=collection, index=index["name"], reason=reason, document=index
    )


def alternate_name(name: str) -> str:
    """Return the second name, under which a changed index is built."""
    return f"{name}_next"


def _serving(wanted: Index, existing: Iterable[Index]) -> Index | None:
    same = [index for index in existing if _keys(index) == _keys(wanted) and not _differing(index, wanted)]
    # A server holds one definition once. Older servers allowed two: then prefer the one with the declared name.
    return min(same, key=lambda index: index["name"] != wanted["name"], default=None)


def _reach(collection: str, wanted: Index, superseded: Sequence[Index]) -> Iterator[Action]:
    """Reach the wanted index from the existing ones, cheaply and without a gap."""
    for old in superseded:
        modification = _modification(collection, old, wanted)
        if modification is not None:
            yield modification
            yield from (_drop(collection, other) for other in superseded if other is not old)
            return
    blocking = [old for old in superseded if _is_same_to_server(old, wanted)]
    replaced = [old for old in superseded if old not in blocking]
    yield from (_drop(collection, old, kind=ActionKind.DROP_BLOCKING_INDEX) for old in blocking)
    is_taken = any(old["name"] == wanted["name"] for old in replaced)
    name = alternate_name(wanted["name"]) if is_taken else wanted["name"]
    reason = "changed" if superseded else "missing"
    yield index_creation(collection, {**wanted, "name": name}, reason=reason)
    yield from (_drop(collection, old) for old in replaced)


def _modification(collection: str, old: Index, wanted: Index) -> Action | None:
    """Return the `collMod` that changes an index; None when it must be rebuilt."""
    if _keys(old) != _keys(wanted):
        return None
    differing = _differing(old, wanted)
    changes = {option: _options(wanted).get(option, False) for option in differing}
    is_expiry_kept = _EXPIRY not in differing or _EXPIRY in wanted
    if differing <= {"hidden", _EXPIRY} and is_expiry_kept:
        kind = ActionKind.MODIFY_INDEX
    elif changes == {"unique": True}:
        kind = ActionKind.MAKE_UNIQUE
    else:
        return None
    return Action(
        kind=kind,
        collection=collection,
        index=old["name"],
        reason=f"changed: {', '.join(sorted(changes))}",
        document={"key": wanted["key"], "name": old["name"], **changes},
    )


def _drop(collection: str, old: Index, *, kind: ActionKind = ActionKind.DROP_REPLACED_INDEX) -> Action:
    return Action(kind=kind, collection=collection, index=old["name"], reason="replaced")


def _is_same_to_server(one: Index, other: Index) -> bool:
    return _keys(one) == _keys(other) and not _differing(one, other) & _DISTINGUISHING


def _keys(index: Index) -> list[tuple[str, Any]]:
    return list(index["key"].items())


def _options(index: Index) -> dict[str, Any]:
    """Return the options that matter; False equals absent."""
    return {name: value for name, value in index.items() if name not in _DESCRIPTIVE and value is not False}


def _differing(one: Index, other: Index) -> set[str]:
    before, after = _options(one), _options(other)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
