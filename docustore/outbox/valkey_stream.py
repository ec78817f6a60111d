"""The stream of Valkey: every change once, in the order of the numbers.

An entry has the id `NUMBER-0`. Valkey refuses an id that is not above the last one, so a repeated delivery adds
nothing. The stream keeps about as many entries as the setting says; Valkey may lose its last second when it is
killed.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from docustore.config import Settings
from docustore.database import Database, Document
from docustore.errors import NotFoundError
from docustore.outbox.destinations import (
    WORKER,
    DestinationKind,
    ensure_destination,
    fresh_destination,
    known_destination,
    set_enabled,
)
from docustore.outbox.event import ChangeEvent, body_of
from docustore.outbox.sending import DELIVERED, Outcome, Sender

STREAM: Final = "stream"
_IS_THERE: Final = "equal or smaller"
SETTING: Final = "setting"


class StreamSender:
    """Appends events to the stream."""

    max_events: Final = 500

    def __init__(self, redis: "Redis", *, key: str, max_len: int) -> None:
        self._redis = redis
        self._key = key
        self._max_len = max_len

    async def send(self, events: Sequence[ChangeEvent]) -> Outcome:
        """Append the events in one round trip; what is there already is left out."""
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for event in events:
                    fields: dict[Any, Any] = {
                        "type": event.type,
                        "user_id": event.user_id,
                        "event": body_of(event),
                    }
                    pipe.xadd(self._key, fields, id=f"{event.number}-0", maxlen=self._max_len, approximate=True)
                answers = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError) as exc:
            return Outcome(error=type(exc).__name__, is_down=True)
        for answer in answers:
            if isinstance(answer, ResponseError) and _IS_THERE in str(answer):
                continue
            if isinstance(answer, Exception):
                return Outcome(error=f"{type(answer).__name__}: {answer}"[:200], is_down=True)
        return DELIVERED


async def ensure_stream(database: Database, settings: Settings) -> None:
    """Make the destination of the stream follow the setting."""
    if settings.outbox_stream_key is not None:
        fresh = fresh_destination(STREAM, DestinationKind.STREAM, filter_={}, is_one_lane=True)
        await ensure_destination(database, fresh)
    with suppress(NotFoundError):
        stream = await known_destination(database, STREAM)
        # A person who disabled it has another reason: it stays so.
        is_by_setting = (stream.get("disabled") or {}).get("reason") in {None, SETTING}
        is_wanted = settings.outbox_stream_key is not None
        if is_by_setting and stream["is_enabled"] != is_wanted:
            await set_enabled(database, STREAM, is_enabled=is_wanted, actor=WORKER, reason=SETTING)


def stream_opener(redis: "Redis", settings: Settings) -> Callable[[Document], AbstractAsyncContextManager[Sender]]:
    """Return what opens the sender of the stream."""

    @asynccontextmanager
    async def open_stream(_destination: Document) -> AsyncIterator[Sender]:
        yield StreamSender(redis, key=settings.outbox_stream_key or "", max_len=settings.outbox_stream_max_len)

    return open_stream
