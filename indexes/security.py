"""The collection of API keys."""

from typing import Final

from pymongo import ASCENDING, IndexModel

from indexes.declaration import CollectionDeclaration

API_KEYS: Final = CollectionDeclaration(
    name="api_keys",
    indexes=(
        # security.authentication: every request that is not cached looks its key up by hash.
        IndexModel([("hash", ASCENDING)], name="hash_unique", unique=True),
    ),
)
