"""Aggregations over a past state of a collection."""

from collections.abc import Sequence
from typing import Any

from bson.timestamp import Timestamp

from docustore.database import ANY_CLIENT, Database, Document


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
    # Bare commands: the driver has no call for a read at a given cluster time.
    async with database.client.start_session(causal_consistency=False) as session:
        reply = await database.command(
            {
                "aggregate": collection,
                "pipeline": list(pipeline),
                "cursor": {},
                "allowDiskUse": True,
                "readConcern": {"level": "snapshot", "atClusterTime": at},
                **limits,
            },
            session=session,
            codec_options=ANY_CLIENT,
        )
        found: list[Document] = reply["cursor"]["firstBatch"]
        while cursor_id := reply["cursor"]["id"]:
            more = {"getMore": cursor_id, "collection": collection}
            reply = await database.command(more, session=session, codec_options=ANY_CLIENT)
            found += reply["cursor"]["nextBatch"]
    return found
