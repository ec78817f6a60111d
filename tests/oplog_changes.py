"""What was written to a database since a moment, as the oplog of the server tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern

from docustore.database import Document

# Commands of the oplog whose value is the name of their collection.
# https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/db/repl/oplog_entry.idl
OF_ONE_COLLECTION: Final = frozenset(
    {
        "abortIndexBuild",
        "collMod",
        "commitIndexBuild",
        "create",
        "createIndexes",
        "drop",
        "dropIndexes",
        "startIndexBuild",
    }
)
RENAME: Final = "renameCollection"


@dataclass(slots=True, kw_only=True)
class Changes:
    """Collections by name.

    `written` have other documents. `altered` were created or dropped, or have other options or indexes.
    """

    written: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)


async def changes_since(oplog: AsyncCollection[Document], since: Timestamp, *, database: str) -> Changes | None:
    """Read what was written after an entry of the oplog, by any client.

    Returns:
        None when that cannot be told: the oplog begins later, or the whole database was dropped.
    """
    found = await _operations(oplog, since)
    if not any(each["first"] == since for each in found):
        return None
    changes = Changes()
    for each in (each for each in found if each["last"] > since):
        owner, _, collection = each["_id"]["ns"].partition(".")
        if owner != database:
            continue
        command = each["_id"].get("command")
        if command is None:
            changes.written.add(collection)
        elif (names := _altered_by(command)) is None:
            return None
        else:
            changes.altered |= names
    return changes


async def _operations(oplog: AsyncCollection[Document], since: Timestamp) -> list[Document]:
    """List the distinct namespaces and commands, with the times of their first and last entries."""
    # The writes of a transaction are one entry.
    parts = {"$cond": [{"$isArray": "$o.applyOps"}, "$o.applyOps", ["$$ROOT"]]}
    command = {"$cond": [{"$eq": ["$part.op", "c"]}, "$part.o", None]}
    pipeline: list[Mapping[str, Any]] = [
        {"$match": {"ts": {"$gte": since}}},
        {"$project": {"ts": 1, "part": parts}},
        {"$unwind": "$part"},
        {
            "$group": {
                "_id": {"ns": "$part.ns", "command": command},
                "first": {"$min": "$ts"},
                "last": {"$max": "$ts"},
            }
        },
    ]
    # `local`: also what no majority has yet.
    now = oplog.with_options(read_concern=ReadConcern("local"))
    return await (await now.aggregate(pipeline)).to_list()


def _altered_by(command: Mapping[str, Any]) -> set[str] | None:
    """Return the collections of a command; None when it concerns all of them."""
    name, target = next(iter(command.items()))
    if name == RENAME:
        return {namespace.partition(".")[2] for namespace in (target, command["to"])}
    return {target} if name in OF_ONE_COLLECTION else None
