"""The deliveries of a destination, as pages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from docustore.api.pagination import cut_page, decode_cursor, number_of, numbered
from docustore.changes.subscriptions import OUTBOX, EventKind, row_id
from docustore.database import UNCLAMPED, Database, Document
from docustore.outbox.destinations import known_destination
from docustore.outbox.rows import RowState, rows_of


class AttemptView(msgspec.Struct, frozen=True):
    """The last attempt.

    `status` is null without an answer, `error` is null after a success.
    """

    at: datetime
    status: int | None
    error: str | None


class DeliveryView(msgspec.Struct, frozen=True):
    """One event for one destination.

    `number` is the `webhook-id` of the message. `due_at` is the time of the next attempt, null if there is none.
    """

    number: int
    operation: EventKind
    user_id: str
    state: RowState
    attempts: int
    at: datetime
    due_at: datetime | None
    done_at: datetime | None
    last: AttemptView | None


class DeliveryPage(msgspec.Struct, frozen=True):
    """One page of deliveries, latest first."""

    items: list[DeliveryView]
    next_cursor: str | None


async def delivery_page(
    database: Database, name: str, *, state: RowState | None, limit: int, cursor: str | None = None
) -> DeliveryPage:
    """Read one page of the deliveries of a destination, latest first.

    Raises:
        NotFoundError: There is no such destination.
        InvalidQueryError: The cursor belongs to another query.
    """
    await known_destination(database, name)
    asked = ["deliveries", name, state]
    query: Document = rows_of(name)
    if cursor is not None:
        query["_id"]["$lt"] = row_id(name, number_of(decode_cursor(cursor, query=asked)))
    if state is not None:
        query["state"] = state.value
    outbox = database[OUTBOX].with_options(codec_options=UNCLAMPED)
    rows = await outbox.find(query, sort=[("_id", -1)]).limit(limit + 1).to_list()
    page, next_cursor = cut_page(rows, limit=limit, position=lambda row: numbered(row["number"]), query=asked)
    return DeliveryPage(items=[_delivery(row) for row in page], next_cursor=next_cursor)


def _delivery(row: Mapping[str, Any]) -> DeliveryView:
    last, state = row.get("last"), RowState(row["state"])
    return DeliveryView(
        number=int(row["number"]),
        operation=EventKind(row["kind"]),
        user_id=str(row["user_id"]),
        state=state,
        attempts=row["attempts"],
        at=row["at"],
        due_at=row["due_at"] if state is RowState.PENDING else None,
        done_at=row.get("done_at"),
        last=last and AttemptView(at=last["at"], status=last["status"], error=last["error"]),
    )
