"""Number late versions.

So an export can continue after the last one that it has.
"""

from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database, in_transaction
from docustore.etl.late_store import LATE_VERSIONS

BATCH: Final = 1000
_LAST: Final = [("number", -1)]


async def number_late_versions(database: Database) -> int:
    """Give every late version without a number the next one; return the last number.

    Numbers grow: a version that becomes visible later has a greater one. Several exports at once exclude each
    other by the unique index; the driver repeats the transaction that loses.
    """
    while await in_transaction(database, lambda session: _number_some(database, session)):
        pass
    return await _last_number(database, None)


async def _number_some(database: Database, session: AsyncClientSession) -> int:
    found = database[LATE_VERSIONS].find({"number": None}, {"_id": 1}, session=session)
    rows = await found.sort("recorded_at", 1).limit(BATCH).to_list()
    if not rows:
        return 0
    first = await _last_number(database, session) + 1
    operations: list[Any] = [
        UpdateOne({"_id": row["_id"], "number": None}, {"$set": {"number": number}})
        for number, row in enumerate(rows, start=first)
    ]
    await database[LATE_VERSIONS].bulk_write(operations, session=session)
    return len(rows)


async def _last_number(database: Database, session: AsyncClientSession | None) -> int:
    given = {"number": {"$gt": 0}}
    row = await database[LATE_VERSIONS].find_one(given, {"number": 1}, sort=_LAST, session=session)
    return 0 if row is None else int(row["number"])
