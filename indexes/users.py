"""The collection `users`, and the keys of requests that made them."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.users.idempotency import IDEMPOTENCY_KEYS as IDEMPOTENCY_KEYS_NAME
from docustore.users.idempotency import KEPT, IdempotencyKey
from docustore.users.models import User
from indexes.declaration import CollectionDeclaration
from indexes.validators import validator_of

# Newest first with `_id` as the tie-break: the order of every list, and what its keyset cursor continues from.
NEWEST_FIRST: Final = (("created_at", DESCENDING), ("_id", DESCENDING))

# Each index costs every insert of the ETL; one stands here only for a query that cannot do without it.
USERS: Final = CollectionDeclaration(
    name="users",
    indexes=(
        # etl.load: finds the user of an identity. Unique is correctness: two workers may race.
        IndexModel(
            [("identities.key", ASCENDING)],
            name="identity_key_unique",
            unique=True,
            partialFilterExpression={"identities.key": {"$exists": True}},
        ),
        # etl.load, users.service by e-mail: a deleted user leaves its address free. Queries must say
        # `deleted_at: null` to use it.
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
        # users.search: an anchored prefix of a term. A rare prefix is found here and sorted, a common one is met
        # often enough by walking `created_at`; `created_at` in this key made it 1.7-2.9x larger and no faster.
        IndexModel([("search_terms", ASCENDING)], name="search_terms"),
    ),
    validator=validator_of(User),
    has_images=True,
)

IDEMPOTENCY_KEYS: Final = CollectionDeclaration(
    name=IDEMPOTENCY_KEYS_NAME,
    indexes=(
        # The server's own query once a minute: forgets the keys that are old enough.
        IndexModel(
            [("created_at", ASCENDING)], name="created_at_expiry", expireAfterSeconds=int(KEPT.total_seconds())
        ),
    ),
    validator=validator_of(IdempotencyKey),
)
