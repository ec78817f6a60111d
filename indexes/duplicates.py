"""Names the unique index that existing documents violate, and counts them."""

from collections.abc import Mapping, Sequence
from typing import Any

from docustore.database import Database
from docustore.errors import SchemaDriftError


async def duplicates_error(
    database: Database, collection: str, indexes: Sequence[Mapping[str, Any]]
) -> SchemaDriftError:
    """Describe the first unique index with duplicate keys, without their values."""
    for index in indexes:
        groups, documents = await _count_duplicates(database, collection, index)
        if groups:
            return SchemaDriftError(
                f"index {index['name']} of {collection} cannot be unique: {groups} values of "
                f"{', '.join(index['key'])} are shared by {documents} documents; "
                "merge or delete all but one of each, then run the command again"
            )
    return SchemaDriftError(f"duplicates in a unique index of {collection} are gone by now: run the command again")


async def _count_duplicates(database: Database, collection: str, index: Mapping[str, Any]) -> tuple[int, int]:
    cursor = await database[collection].aggregate(duplicates_pipeline(index), allowDiskUse=True)
    async for counted in cursor:
        return counted["groups"], counted["documents"]
    return 0, 0


def duplicates_pipeline(index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Count duplicate keys and their documents.

    Shape: at most one document `{"groups": 2, "documents": 5}`, none when the keys are unique.
    """
    paths = list(index["key"])
    first_parts = dict.fromkeys(path.split(".", 1)[0] for path in paths)
    return [
        {"$match": dict(index.get("partialFilterExpression", {}))},
        # An array has one key per element; on anything else this changes nothing.
        *({"$unwind": {"path": f"${part}", "preserveNullAndEmptyArrays": True}} for part in first_parts),
        {"$group": {"_id": [f"${path}" for path in paths], "documents": {"$addToSet": "$_id"}}},
        {"$project": {"documents": {"$size": "$documents"}}},
        {"$match": {"documents": {"$gt": 1}}},
        {"$group": {"_id": None, "groups": {"$sum": 1}, "documents": {"$sum": "$documents"}}},
    ]
