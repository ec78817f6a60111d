"""The write of one migrated document. Pure."""

from typing import Any

from docustore.migrations.migration import Direction, Migration, RawDocument

# The runner needs these of every document.
ALWAYS_READ = ("version", "schema_version", "deleted_at")


def projection(migration: Migration) -> dict[str, int]:
    """Return the fields to read: those of the migration and those of the runner."""
    return dict.fromkeys((*migration.reads, *ALWAYS_READ), 1)


def guard(document: RawDocument) -> dict[str, Any]:
    """Match the document only if no other writer has raised its version."""
    return {"_id": document["_id"], "version": document.get("version")}


def update_of(
    migration: Migration, direction: Direction, before: RawDocument, after: RawDocument
) -> dict[str, dict[str, Any]]:
    """Build the update: the fields that differ, the version, the cause.

    `updated_at` stays: the upstream systems and the API did not change the user. A document that has a
    `schema_version` gets the number of its new shape, never a lower one on the way up.
    """
    changed: dict[str, Any] = {}
    for name, value in after.items():
        if name not in before:
            changed[name] = value
        elif before[name] != value:
            changed |= _differing(name, before[name], value)
    gone = dict.fromkeys((name for name in before if name not in after), "")
    if "schema_version" in before and "schema_version" not in changed:
        changed["schema_version"] = _shape(migration, direction, before["schema_version"])
    changed["version"] = (before.get("version") or 1) + 1
    changed["updated_by"] = migration.cause(direction)
    changed["cause"] = {"actor": migration.cause(direction)}
    return {"$set": changed, "$unset": gone} if gone else {"$set": changed}


def _differing(name: str, before: Any, after: Any) -> dict[str, Any]:
    """Assign the differing fields of the elements of a list, or else the whole value.

    To assign a whole list of identities makes the server check its index, which takes seven times as long.
    """
    if not (isinstance(before, list) and isinstance(after, list) and len(before) == len(after)):
        return {name: after}
    assignments: dict[str, Any] = {}
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        if not _have_the_same_plain_names(old, new):
            return {name: after}
        assignments |= {f"{name}.{index}.{key}": value for key, value in new.items() if old[key] != value}
    return assignments


def _have_the_same_plain_names(old: Any, new: Any) -> bool:
    if not (isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys()):
        return False
    return not any("." in key or key.startswith("$") for key in new)


def _shape(migration: Migration, direction: Direction, stored: Any) -> Any:
    if not isinstance(stored, int):
        return stored
    return max(stored, migration.number) if direction is Direction.UP else min(stored, migration.number - 1)
