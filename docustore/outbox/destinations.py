"""Destinations: create, change, enable, disable, remove.

A command that changes who wants events writes a new mark to every position in its transaction. So the batches of
the listener are before or after it, and the number at which a destination starts or stops is exact.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from docustore.audit.log import record
from docustore.changes.position import DESTINATIONS_MARK, POSITIONS
from docustore.changes.subscriptions import DESTINATIONS, MAX_DESTINATIONS, OUTBOX
from docustore.clock import now_utc
from docustore.database import Database, Document, in_transaction
from docustore.errors import FieldError, InvalidInputError, NotFoundError, TooManyDestinationsError
from docustore.history.models import HISTORY
from docustore.outbox.rows import rows_of

T = TypeVar("T")
OPERATOR: Final = "operator"
# The actor of what docustore does by itself.
WORKER: Final = "worker"
# Rows of a removed destination that are deleted in one command.
_REMOVED_ROWS: Final = 10_000
_FILTER: Final = ("operations", "fields", "statuses")


class DestinationKind(StrEnum):
    """How events leave docustore; the `_id` of a destination begins with it."""

    WEBHOOK = "webhook"
    STREAM = "stream"
    HANDLER = "handler"


def fresh_destination(
    name: str, kind: DestinationKind, *, filter_: Mapping[str, Any], is_one_lane: bool = False
) -> Document:
    """Make the document of a new destination that starts at now."""
    return {
        "_id": name,
        "kind": kind.value,
        "is_enabled": True,
        **{key: list(filter_.get(key) or ()) for key in _FILTER},
        "is_one_lane": is_one_lane,
        "created_at": now_utc(),
        "fence": 0,
        "owner": None,
        "lease_expires_at": None,
        "failures": 0,
        "blocked_until": None,
        "failing_since": None,
        "last_error": None,
        "delivered": 0,
        "failed": 0,
        "fill": None,
        "disabled": None,
    }


async def insert_destination(
    database: Database, destination: Mapping[str, Any], *, seq: int, since: int | None, session: AsyncClientSession
) -> None:
    """Add a destination, in the caller's transaction; see `settled`.

    Args:
        seq: The last number before it.
        since: The number after which it gets the changes of the past; None starts at now.

    Raises:
        TooManyDestinationsError: There are as many as one batch serves.
    """
    count = await database[DESTINATIONS].count_documents({}, session=session)
    if count >= MAX_DESTINATIONS:
        raise TooManyDestinationsError(limit=MAX_DESTINATIONS)
    fill = None if since is None or since >= seq else {"next": since, "until": seq}
    await database[DESTINATIONS].insert_one({**destination, "fill": fill, "start_after": seq}, session=session)


async def ensure_destination(database: Database, destination: Document) -> bool:
    """Add a destination of settings or code, or update its filter; True if new."""
    name = destination["_id"]
    filter_ = {key: destination[key] for key in (*_FILTER, "is_one_lane")}

    async def ensure(session: AsyncClientSession, seq: int) -> bool:
        if await database[DESTINATIONS].find_one({"_id": name}, session=session) is None:
            await insert_destination(database, destination, seq=seq, since=None, session=session)
            return True
        await database[DESTINATIONS].update_one({"_id": name}, {"$set": filter_}, session=session)
        return False

    if await database[DESTINATIONS].find_one({"_id": name, **filter_}, {"_id": 1}) is not None:
        return False
    try:
        return await settled(database, ensure)
    except DuplicateKeyError:  # another worker was first
        return False


async def set_enabled(
    database: Database, name: str, *, is_enabled: bool, actor: str, reason: str = OPERATOR, replay: bool = False
) -> None:
    """Enable or disable a destination; nothing happens if it is in that state.

    A disabled destination gets no new rows. Its pending rows wait.

    Args:
        reason: Why it is disabled: `operator`, `gone`, `failing` or `backlog`.
        replay: Enable only: also tell what happened while it was disabled.

    Raises:
        NotFoundError: There is no such destination.
    """

    async def change(session: AsyncClientSession, seq: int) -> None:
        found = await known_destination(database, name, session=session)
        if found["is_enabled"] == is_enabled:
            return
        if is_enabled:
            missed = found.get("disabled") or {}
            fill = _merged_fill(found.get("fill"), since=missed.get("seq", seq), until=seq) if replay else None
            changed: Document = {"is_enabled": True, "disabled": None, "failures": 0, "blocked_until": None}
            changed |= {"failing_since": None, "last_error": None}
            changed |= {"fill": fill} if fill is not None else {}
        else:
            disabled = {"at": now_utc(), "reason": reason, "seq": seq}
            changed = {"is_enabled": False, "disabled": disabled}
        await database[DESTINATIONS].update_one({"_id": name}, {"$set": changed}, session=session)
        action = "destination.enable" if is_enabled else "destination.disable"
        await record(
            database,
            actor=actor,
            action=action,
            target=f"{DESTINATIONS}/{name}",
            before={"is_enabled": found["is_enabled"], "disabled": found.get("disabled")},
            after={"is_enabled": is_enabled, "reason": None if is_enabled else reason, "seq": seq},
            session=session,
        )

    await settled(database, change)


async def remove_destination(database: Database, name: str, *, actor: str) -> None:
    """Remove a destination and its rows.

    Raises:
        NotFoundError: There is no such destination.
    """

    async def remove(session: AsyncClientSession, _seq: int) -> None:
        found = await known_destination(database, name, session=session)
        await database[DESTINATIONS].delete_one({"_id": name}, session=session)
        await record(
            database,
            actor=actor,
            action="destination.remove",
            target=f"{DESTINATIONS}/{name}",
            before={key: found.get(key) for key in ("kind", "is_enabled", *_FILTER)},
            session=session,
        )

    await settled(database, remove)
    await remove_rows(database, name)


async def remove_rows(database: Database, name: str) -> None:
    """Delete the rows of a removed destination, in bounded commands."""
    while True:
        rows = database[OUTBOX].find(rows_of(name), {"_id": 1})
        ids = [row["_id"] async for row in rows.limit(_REMOVED_ROWS)]
        if not ids:
            return
        await database[OUTBOX].delete_many({"_id": {"$in": ids}})


async def request_fill(
    database: Database, name: str, *, since: int, until: int | None, actor: str
) -> tuple[int, int]:
    """Let a destination get the changes of a range once more; return the range.

    Args:
        since: The number after which the range begins.
        until: Its last number; None is the present one.

    Raises:
        InvalidInputError: The range ends before it begins.
        NotFoundError: There is no such destination.
    """
    if until is not None and until <= since:
        detail = f"must be greater than `since`, which is {since}: `since` is the number before the range"
        raise InvalidInputError((FieldError(pointer="/until", code="out_of_range", detail=detail),))

    async def request(session: AsyncClientSession) -> tuple[int, int]:
        found = await known_destination(database, name, session=session)
        seq = await last_number(database, session)
        fill = _merged_fill(found.get("fill"), since=since, until=min(until or seq, seq))
        await database[DESTINATIONS].update_one({"_id": name}, {"$set": {"fill": fill}}, session=session)
        await record(
            database,
            actor=actor,
            action="destination.replay",
            target=f"{DESTINATIONS}/{name}",
            after=fill,
            session=session,
        )
        return (0, 0) if fill is None else (fill["next"], fill["until"])

    return await in_transaction(database, request)


async def known_destination(
    database: Database, name: str, *, session: AsyncClientSession | None = None
) -> Document:
    """Read a destination.

    Raises:
        NotFoundError: There is no such destination.
    """
    found = await database[DESTINATIONS].find_one({"_id": name}, session=session)
    if found is None:
        raise NotFoundError(kind="destination", id=name)
    return found


async def list_destinations(database: Database) -> list[Document]:
    """List all destinations, by name."""
    return await database[DESTINATIONS].find({}, sort=[("_id", 1)]).to_list()


async def last_number(database: Database, session: AsyncClientSession | None = None) -> int:
    """Return the number of the last committed change; 0 if there is none."""
    positions = database[POSITIONS].find({"seq": {"$exists": True}}, {"seq": 1}, session=session)
    return max([int(each["seq"]) async for each in positions], default=0)


async def first_kept_number(database: Database) -> int:
    """Return the number of the oldest row of history; 1 if there is none."""
    oldest = await database[HISTORY].find_one({}, {"_id": 1}, sort=[("_id", 1)])
    return 1 if oldest is None else int(oldest["_id"])


async def settled(database: Database, work: Callable[[AsyncClientSession, int], Awaitable[T]]) -> T:
    """Run some work in a transaction that every batch is before or after.

    A batch moves its position in its own transaction, and this one writes to it: one of the two is repeated.

    Args:
        work: Gets the session, and the last number before.
    """

    async def settle_and_work(session: AsyncClientSession) -> T:
        # First: a read before it would make the time longer in which a batch conflicts.
        await database[POSITIONS].update_many({}, {"$set": {DESTINATIONS_MARK: ObjectId()}}, session=session)
        return await work(session, await last_number(database, session))

    return await in_transaction(database, settle_and_work)


def _merged_fill(fill: Mapping[str, int] | None, *, since: int, until: int) -> Document | None:
    """Combine a range with the one in progress; None if both are empty."""
    first = since if fill is None else min(since, fill["next"])
    last = until if fill is None else max(until, fill["until"])
    return {"next": first, "until": last} if first < last else None
