"""Reads that join small collections, of one state of the store in one round trip."""

from collections.abc import Sequence
from typing import Any, Final

from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from docustore.database import Database, Document
from docustore.transient import SNAPSHOT_UNAVAILABLE

# Documents in one reply: a second round trip would double the time of an answer.
_MANY: Final = 10_000
_ONE_STATE: Final = ReadConcern("snapshot")


async def read_joined(database: Database, collection: str, pipeline: Sequence[dict[str, Any]]) -> list[Document]:
    """Run an aggregation over one state of all its collections.

    For a moment after one of them or an index was created, the server has no such state. Then the stages are read
    one after the other, in the order of the pipeline.
    """
    try:
        return await _read(database, collection, pipeline, concern=_ONE_STATE)
    except OperationFailure as exc:
        if exc.code != SNAPSHOT_UNAVAILABLE:
            raise
        return await _read(database, collection, pipeline, concern=None)


async def _read(
    database: Database, collection: str, pipeline: Sequence[dict[str, Any]], *, concern: ReadConcern | None
) -> list[Document]:
    found = database.get_collection(collection, read_concern=concern)
    return await (await found.aggregate(pipeline, batchSize=_MANY)).to_list()
