"""Reads of a past state of a collection."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.timestamp import Timestamp

from docustore.database import UNCLAMPED, Database, Document

# Naive times, in UTC. An id of another client may be a time that the calendar does not have.
_NAIVE: Final[CodecOptions[Document]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)


async def aggregate_at(
    database: Database,
    collection: str,
    pipeline: Sequence[dict[str, Any]],
    at: Timestamp,
    *,
    max_time_ms: int | None = None,
) -> list[Document]:
    """Run an aggregation over the state of a cluster time; return all results.

    Args:
        max_time_ms: The longest time that the server may work on it; None = no limit.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that state.
        ExecutionTimeout: The limit of time was reached.
    """
    limits = {} if max_time_ms is None else {"maxTimeMS": max_time_ms}
    command = {"aggregate": collection, "pipeline": list(pipeline), "cursor": {}, "allowDiskUse": True, **limits}
    return [document async for document in documents_at(database, command, at, codec=UNCLAMPED)]


async def documents_at(
    database: Database,
    command: Mapping[str, Any],
    at: Timestamp,
    *,
    batch_docs: int | None = None,
    codec: CodecOptions[Document] = _NAIVE,
) -> AsyncGenerator[Document, None]:
    """Yield what a command returns of the state of a cluster time.

    Args:
        command: A `find` or an `aggregate`.
        batch_docs: The documents of one reply to a `find`; None = the server's default.
        codec: How documents are decoded; by default times are naive, in UTC.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that state.
    """
    size = {} if batch_docs is None else {"batchSize": batch_docs}
    # Bare commands: the driver has no call for a read at a given cluster time.
    async with database.client.start_session(causal_consistency=False) as session:
        first = {**command, **size, "readConcern": {"level": "snapshot", "atClusterTime": at}}
        cursor = (await database.command(first, session=session, codec_options=codec))["cursor"]
        for document in cursor["firstBatch"]:
            yield document
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": next(iter(command.values())), **size}
            cursor = (await database.command(more, session=session, codec_options=codec))["cursor"]
            for document in cursor["nextBatch"]:
                yield document
