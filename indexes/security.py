"""The collections of API keys, sessions and login tokens."""

from typing import Final

from pymongo import ASCENDING, IndexModel

from docustore.security.models import API_KEYS as API_KEYS_NAME
from docustore.security.models import LOGIN_TOKENS as LOGIN_TOKENS_NAME
from docustore.security.models import SESSIONS as SESSIONS_NAME
from docustore.security.models import ApiKey, LoginToken, Session
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

# Both are read by `_id`, the digest of the token. MongoDB deletes expired documents.
SESSIONS: Final = CollectionDeclaration(
    name=SESSIONS_NAME,
    indexes=(IndexModel([("expires_at", ASCENDING)], name="expires_at_expiry", expireAfterSeconds=0),),
    validator=validator_of(Session),
)
LOGIN_TOKENS: Final = CollectionDeclaration(
    name=LOGIN_TOKENS_NAME,
    indexes=(IndexModel([("expires_at", ASCENDING)], name="expires_at_expiry", expireAfterSeconds=0),),
    validator=validator_of(LoginToken),
)
