"""Generated users for the reading benchmarks.

The persons are those of the demonstration; the documents have the shape that the service stores.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from bson.timestamp import Timestamp

from docustore.analytics.pipelines import marts_from_groups, marts_pipeline
from docustore.changes.effects.effect import Stamp
from docustore.changes.effects.marts import replace_marts
from docustore.database import Database
from docustore.demo.people import person
from docustore.users.profile import Profile, UserStatus
from docustore.users.search_terms import search_terms

SEED: Final = 1
CHUNK: Final = 1_000
_FIRST_REGISTRATION: Final = datetime(2021, 1, 1, tzinfo=UTC)
# Registrations are spread evenly over five years.
_SPAN: Final = timedelta(days=5 * 365)
_STATUSES: Final = tuple(UserStatus)


async def populate(database: Database, *, users: int) -> None:
    """Insert users and write the live marts, like the listener does."""
    for start in range(0, users, CHUNK):
        chunk = range(start, min(users, start + CHUNK))
        await database["users"].insert_many([stored_user(number, of=users) for number in chunk], ordered=False)
    groups = await (await database["users"].aggregate(marts_pipeline())).to_list()
    async with database.client.start_session() as session:
        time = Timestamp(1, 1)
        stamp = Stamp(seq=0, as_of=time.as_datetime(), cluster_time=time, is_exact=True)
        await replace_marts(database, marts_from_groups(groups), stamp, session)


def stored_user(number: int, *, of: int) -> dict[str, Any]:
    """Return the document of one user.

    The same number gives the same person. Registration times increase with the numbers.
    """
    generated = person(number, seed=SEED)
    registered = _FIRST_REGISTRATION + _SPAN * (number / of)
    names = {"email": generated.email, "first_name": generated.first_name, "last_name": generated.last_name}
    return {
        "_id": ObjectId(),
        **names,
        "status": _STATUSES[number % len(_STATUSES)].value,
        "profile": Profile(location=generated.location, bio="Reads and writes.").model_dump(mode="json"),
        "roles": ["member"],
        "local_roles": [],
        "tags": [f"team-{number % 20}"],
        "identities": [{"key": f"crm:{number}", "modified_at": registered, "hash": "0" * 24}],
        "search_terms": search_terms(**names),
        "created_at": registered,
        "updated_at": registered,
        "updated_by": "etl:crm",
        "deleted_at": None,
        "version": 1,
        "schema_version": 1,
    }
