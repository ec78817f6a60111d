"""The change stream of `users`, read by own commands: batches of raw events.

PyMongo's `watch` decodes every event to dicts, hides the tokens of empty batches and resumes on its own. Here a
batch is raw bytes, every batch has its token, and only the listener reopens the stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import bson
import structlog
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from docustore.changes.cooperative import in_slices
from docustore.changes.effects.fields import ImageFields
from docustore.changes.events import (
    ENDING_OPERATIONS,
    EVENT_CODEC,
    Change,
    Token,
    bare_change,
    just_before,
    parse_change,
    token_time,
)
from docustore.changes.pipeline import Images, StartPoint, change_pipeline
from docustore.database import Database
from docustore.errors import ListenerError, PositionLostError
from docustore.lost_position import is_position_lost
from docustore.transient import BSON_OBJECT_TOO_LARGE
from docustore.users.stored import USERS

log = structlog.get_logger()

# How long the server holds an empty read open. It bounds the delay of a stop; an event ends the read at once.
MAX_AWAIT_MS: Final = 500
# A reply ends below 16 MB; a reply larger than this may end in the middle of a transaction.
CUT_REPLY_BYTES: Final = 8 * 1024 * 1024
# A drop or rename, then `invalidate`. A search in all events would double the cost of parsing.
MAX_ENDING_EVENTS: Final = 2


class EventTooLargeError(ListenerError):
    """An event exceeds 16 MB with these images: reopen the stream with fewer of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """The result of one read; empty after `MAX_AWAIT_MS` without changes.

    `token` resumes after the batch. Every change at or before `cluster_time` is in this batch or an earlier one.
    With `is_exact` no later change is in them. `ending_operation` is set where the collection was dropped or
    renamed after these changes; the stream ends with it.
    """

    changes: tuple[Change, ...]
    size_bytes: int
    token: Token
    cluster_time: Timestamp
    is_exact: bool
    ending_operation: str | None = None


class ChangeReader:
    """One open change stream. Reads must not overlap."""

    def __init__(
        self,
        database: Database,
        *,
        start: StartPoint,
        images: Images,
        fields: ImageFields,
        batch_size: int,
        up_to: dict[str, Any] | None = None,
        only: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._database = database
        self._up_to = up_to
        self._only = only
        self._start = start
        self._fields = fields
        self._images = images
        self._batch_size = batch_size
        self._session: AsyncClientSession | None = None
        self._cursor_id = 0

    async def __aenter__(self) -> Self:
        """Open the stream without waiting for events.

        Raises:
            PositionLostError: The server can no longer start there.
            PyMongoError: Any other failure.
        """
        # Explicit: the server ties a cursor to the session that opened it (else error 50738).
        self._session = self._database.client.start_session(causal_consistency=False)
        pipeline = change_pipeline(
            self._start, images=self._images, fields=self._fields, up_to=self._up_to, only=self._only
        )
        # An empty first batch: filling one would scan the oplog before anything is returned.
        command = {"aggregate": USERS, "pipeline": pipeline, "cursor": {"batchSize": 0}}
        try:
            reply = await self._run(command, while_opening=True)
        except BaseException:
            await self._session.end_session()
            raise
        self._cursor_id = reply["cursor"]["id"]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is None:
            return
        try:
            if self._cursor_id:
                await self._run({"killCursors": USERS, "cursors": [self._cursor_id]})
        except (PyMongoError, ListenerError):
            pass  # The server closes the cursor after a while; nothing depends on it.
        finally:
            await self._session.end_session()

    async def fetch(self) -> RawBSONDocument:
        """Wait for the next events, at most `MAX_AWAIT_MS`; return the reply for `parse`.

        Raises:
            PositionLostError: The oplog was overwritten before this read.
            EventTooLargeError: See there.
            PyMongoError: Any other failure; the stream is unusable.
        """
        command = {"getMore": self._cursor_id, "collection": USERS, "batchSize": self._batch_size}
        reply = await self._run({**command, "maxTimeMS": MAX_AWAIT_MS})
        self._cursor_id = reply["cursor"]["id"]
        return reply

    def may_have_more(self, reply: RawBSONDocument) -> bool:
        """Tell whether the server may have had more events than it replied."""
        return self._is_full(reply) or len(reply.raw) >= CUT_REPLY_BYTES

    async def parse(self, reply: RawBSONDocument) -> EventBatch:
        """Parse the reply of a `fetch`, in slices."""
        cursor = reply["cursor"]
        events: list[RawBSONDocument] = cursor["nextBatch"]
        ending = _first_ending(events)
        changes: list[Change] = []
        async for slice_ in in_slices(events[:ending]):
            changes.extend(_parsed(slice_))
        return to_batch(
            changes,
            token=bson.decode(cursor["postBatchResumeToken"].raw),
            is_full=self._is_full(reply),
            ending_operation=None if ending is None else events[ending]["operation"],
        )

    def _is_full(self, reply: RawBSONDocument) -> bool:
        return len(reply["cursor"]["nextBatch"]) >= self._batch_size

    async def _run(self, command: dict[str, Any], *, while_opening: bool = False) -> RawBSONDocument:
        try:
            return await self._database.command(command, session=self._session, codec_options=EVENT_CODEC)
        except OperationFailure as exc:
            if is_position_lost(exc, while_opening=while_opening):
                raise PositionLostError(stream=USERS, code=exc.code) from exc
            if exc.code == BSON_OBJECT_TOO_LARGE and self._images is not Images.NONE:
                raise EventTooLargeError(str(exc.code)) from exc
            raise


def _parsed(events: Sequence[RawBSONDocument]) -> list[Change]:
    try:
        return list(map(parse_change, events))
    except Exception as exc:  # noqa: BLE001  # whatever one event contains, the others are read
        log.warning("listener.unreadable_event", error=type(exc).__name__)
        return [_parsed_alone(event) for event in events]


def _parsed_alone(event: RawBSONDocument) -> Change:
    try:
        return parse_change(event)
    except Exception:  # noqa: BLE001  # see `_parsed`
        return bare_change(event)


def to_batch(
    changes: Sequence[Change], *, token: Token, is_full: bool, ending_operation: str | None = None
) -> EventBatch:
    """Make the batch of one reply. Pure.

    Args:
        token: The reply's own, from after the last oplog entry that the server has examined.
        is_full: The reply holds as many events as requested: more may be available.
    """
    last_event_id = changes[-1].event_id if changes else None
    size_bytes = sum(change.size_bytes for change in changes)
    is_cut = is_full or size_bytes >= CUT_REPLY_BYTES
    # The changes of one transaction share a cluster time: the next reply may hold the rest of them.
    is_exact = not (is_cut and token["_data"] == last_event_id)
    time = token_time(token)
    return EventBatch(
        changes=tuple(changes),
        size_bytes=size_bytes,
        token=token,
        cluster_time=time if is_exact else just_before(time),
        is_exact=is_exact,
        ending_operation=ending_operation,
    )


def _first_ending(events: list[RawBSONDocument]) -> int | None:
    """Find the event that ended the collection, among the last of a reply."""
    for index in range(max(0, len(events) - MAX_ENDING_EVENTS), len(events)):
        if events[index]["operation"] in ENDING_OPERATIONS:
            return index
    return None
