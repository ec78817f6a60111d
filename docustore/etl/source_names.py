"""The names of sources that are given by an address.

One name must not stand for two systems.
The name is the first half of every identity key. Two files under one name would overwrite each other's people.
"""

from collections.abc import Mapping

from docustore.database import Database
from docustore.errors import ConfigurationError
from docustore.etl.models import SOURCES
from docustore.etl.sources.registry import place_of
from docustore.source_settings import SourceSettings


async def require_own_name(
    database: Database, name: str, source: SourceSettings, *, configured: Mapping[str, SourceSettings]
) -> None:
    """Refuse a name that stands for another address.

    A person can insist on it with `--as`.

    Raises:
        ConfigurationError: The name is configured, or was used for another address.
    """
    place = place_of(source)
    if name in configured:
        known = [place_of(configured[name])]
    else:
        stored = await database[SOURCES].find_one({"_id": name}, {"addresses": 1})
        known = (stored or {}).get("addresses") or [place]
    if place not in known:
        raise ConfigurationError(
            setting="--as",
            problem=f"the name {name} stands for {known[-1]}; pass --as {name} if both hold the same records, "
            "or --as with another name",
        )


async def remember_address(database: Database, name: str, source: SourceSettings, *, default_name: str) -> None:
    """Remember what a name stands for.

    An address that would get another name by itself is remembered only as the first one: daily exports with their
    dates in the file names must not fill the document.
    """
    place = place_of(source)
    which = {"_id": name} if name == default_name else {"_id": name, "addresses": {"$in": [None, []]}}
    new = {"addresses": [place], "paused": False}
    await database[SOURCES].update_one({"_id": name}, {"$setOnInsert": new}, upsert=True)
    await database[SOURCES].update_one(which, {"$addToSet": {"addresses": place}})
