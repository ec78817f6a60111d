"""The collection of API keys."""

from typing import Final

from pymongo import ASCENDING, IndexModel

from docustore.security.models import API_KEYS as API_KEYS_NAME
from docustore.security.models import ApiKey
from indexes.declaration import CollectionDeclaration
from indexes.validators import validator_of

API_KEYS: Final = CollectionDeclaration(
    name=API_KEYS_NAME,
    indexes=(
        # security.api_keys: a request whose key is not cached looks the key up by hash.
        IndexModel([("hash", ASCENDING)], name="hash_unique", unique=True),
    ),
    validator=validator_of(ApiKey),
)
