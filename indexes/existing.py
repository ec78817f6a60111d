"""What a database has: the collections and indexes behind the declarations."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from docustore.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCollection:
    """A collection as the server describes it.

    `indexes` holds the server's index documents by name (`{key, name, unique?, ...}`), without that of `_id`.
    """

    name: str
    options: Mapping[str, Any]
    indexes: Mapping[str, Mapping[str, Any]]


async def read_existing(database: Database, names: Iterable[str]) -> dict[str, ExistingCollection]:
    """Describe those of the named collections that exist, by name."""
    listed = await (await database.list_collections(filter={"name": {"$in": list(names)}})).to_list()
    described = await asyncio.gather(*(_described(database, collection) for collection in listed))
    return {collection.name: collection for collection in described}


async def _described(database: Database, listed: Mapping[str, Any]) -> ExistingCollection:
    found = await (await database[listed["name"]].list_indexes()).to_list()
    return ExistingCollection(
        name=listed["name"],
        options=listed.get("options", {}),
        indexes={index["name"]: index for index in found if index["name"] != "_id_"},
    )
