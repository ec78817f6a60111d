"""The collection `users`, its search index, and its idempotency keys."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.users.idempotency_rows import IDEMPOTENCY_KEYS as IDEMPOTENCY_KEYS_NAME
from docustore.users.idempotency_rows import KEPT, IdempotencyKey
from docustore.users.models import User
from docustore.users.search_index import SEARCH_ATOMS as SEARCH_ATOMS_NAME
from docustore.users.search_index import USER_SEARCH as USER_SEARCH_NAME
from indexes.declaration import CollectionDeclaration
from indexes.validators import validator_of

# Newest first, `_id` breaks ties. Every list has this order, and its keyset cursor continues from it.
NEWEST_FIRST: Final = (("created_at", DESCENDING), ("_id", DESCENDING))

# Each index makes every insert of the ETL slower. An index is listed only if a query needs it.
USERS: Final = CollectionDeclaration(
    name="users",
    indexes=(
        # etl.store: the user of an identity. Unique is correctness, not speed: two workers may race.
        IndexModel(
            [("identities.key", ASCENDING)],
            name="identity_key_unique",
            unique=True,
            partialFilterExpression={"identities.key": {"$exists": True}},
        ),
        # etl.store, users.store by e-mail: another user may take the address of a deleted user. A query uses this
        # index only with `deleted_at: null`.
        IndexModel(
            [("email", ASCENDING)],
            name="email_unique",
            unique=True,
            partialFilterExpression={"deleted_at": None},
        ),
        # users.listing: the list without filter, or with a range of `created_at`.
        IndexModel(list(NEWEST_FIRST), name="created_at"),
        # users.listing and users.bulk_status: one status, newest first (equality, then sort).
        IndexModel([("status", ASCENDING), *NEWEST_FIRST], name="status_created_at"),
        # users.listing: one role, newest first.
        IndexModel([("roles", ASCENDING), *NEWEST_FIRST], name="role_created_at"),
        # users.listing: one tag, newest first.
        IndexModel([("tags", ASCENDING), *NEWEST_FIRST], name="tag_created_at"),
        # users.listing: one location, newest first.
        IndexModel([("profile.location", ASCENDING), *NEWEST_FIRST], name="location_created_at"),
        # users.search: an anchored prefix of a term. The matches of a rare prefix are found here and sorted. The
        # matches of a common prefix are found by a scan of `created_at`. With `created_at` in its key, this index
        # was 1.7-2.9 times larger and not faster.
        IndexModel([("search_terms", ASCENDING)], name="search_terms"),
        # users.recent_matches: the users that the search index may not hold yet. By name.
        IndexModel([("updated_at", ASCENDING)], name="updated_at"),
    ),
    validator=validator_of(User),
    has_images=True,
)

USER_SEARCH: Final = CollectionDeclaration(
    name=USER_SEARCH_NAME,
    indexes=(
        # users.search_index: the users that have an atom, or one of a few, newest first. The order is in the key,
        # so that a common atom costs no more than a page.
        IndexModel([("words", ASCENDING), *NEWEST_FIRST], name="word_created_at"),
        # users.search_index: a part that thousands of atoms contain is found by a scan, newest first.
        IndexModel(list(NEWEST_FIRST), name="created_at"),
    ),
)

SEARCH_ATOMS: Final = CollectionDeclaration(
    name=SEARCH_ATOMS_NAME,
    # users.search_index: the atoms that contain a part, as a prefix of their tails.
    indexes=(IndexModel([("tails", ASCENDING)], name="tails"),),
)

IDEMPOTENCY_KEYS: Final = CollectionDeclaration(
    name=IDEMPOTENCY_KEYS_NAME,
    indexes=(
        # The server's own query, once a minute: deletes the expired keys.
        IndexModel(
            [("created_at", ASCENDING)], name="created_at_expiry", expireAfterSeconds=int(KEPT.total_seconds())
        ),
    ),
    validator=validator_of(IdempotencyKey),
)
