"""Reads of one state of the store: joined in one round trip, or several of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from docustore.database import Database, Document
from docustore.transient import SNAPSHOT_UNAVAILABLE

# Documents in one reply: a second round trip would double the time of an answer.
_MANY: Final = 10_000
_ONE_STATE: Final = ReadConcern("snapshot")

T = TypeVar("T")


async def in_one_state(database: Database, work: Callable[[AsyncClientSession | None], Awaitable[T]]) -> T:
    """Do reads of the state of their first one.

    For a moment after a collection or an index was created, the server has no such state. Then `work` is done
    again without a session, and each read is of its own moment.

    Args:
        work: Passes the session to each of its reads.
    """
    try:
        async with database.client.start_session(snapshot=True) as session:
            return await work(session)
    except OperationFailure as exc:
        if exc.code != SNAPSHOT_UNAVAILABLE:
            raise
        return await work(None)


async def read_joined(
    database: Database,
    collection: str,
    pipeline: Sequence[dict[str, Any]],
    *,
    session: AsyncClientSession | None = None,
) -> list[Document]:
    """Run an aggregation over one state of all its collections.

    For a moment after one of them or an index was created, the server has no such state. Then the stages are read
    one after the other, in the order of the pipeline.

    Args:
        session: That of `in_one_state`; None = this read is of its own moment.
    """
    if session is not None:
        return await _read(database, collection, pipeline, concern=None, session=session)
    try:
        return await _read(database, collection, pipeline, concern=_ONE_STATE)
    except OperationFailure as exc:
        if exc.code != SNAPSHOT_UNAVAILABLE:
            raise
        return await _read(database, collection, pipeline, concern=None)


async def _read(
    database: Database,
    collection: str,
    pipeline: Sequence[dict[str, Any]],
    *,
    concern: ReadConcern | None,
    session: AsyncClientSession | None = None,
) -> list[Document]:
    found = database.get_collection(collection, read_concern=concern)
    return await (await found.aggregate(pipeline, session, batchSize=_MANY)).to_list()
