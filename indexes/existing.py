"""Reads the existing collections and indexes of a database."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docustore.database import AWARE, Database

_VIEW: Final = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCollection:
    """A collection or a view as the server describes it.

    A view has the options `viewOn` and `pipeline`, and no indexes. `indexes` holds the server's index documents by
    name (`{key, name, unique?, ...}`), without the one of `_id`.
    """

    name: str
    options: Mapping[str, Any]
    indexes: Mapping[str, Mapping[str, Any]]


async def read_existing(database: Database, names: Iterable[str]) -> dict[str, ExistingCollection]:
    """Describe the existing ones of the named collections, by name."""
    listed = await (await database.list_collections(filter={"name": {"$in": list(names)}})).to_list()
    described = await asyncio.gather(*(_described(database, collection) for collection in listed))
    return {collection.name: collection for collection in described}


async def _described(database: Database, listed: Mapping[str, Any]) -> ExistingCollection:
    if listed["type"] == _VIEW:
        return ExistingCollection(name=listed["name"], options=listed["options"], indexes={})
    # The command itself, because the driver's `list_indexes` drops the time zone of dates. A collection has at
    # most 64 indexes, so one batch holds them.
    answer = await database.command("listIndexes", listed["name"], codec_options=AWARE)
    found = answer["cursor"]["firstBatch"]
    return ExistingCollection(
        name=listed["name"],
        options=listed.get("options", {}),
        indexes={index["name"]: index for index in found if index["name"] != "_id_"},
    )
