"""Read runs and quarantined records, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection

from docustore.api.pagination import CURSOR_INVALID, DEFAULT_LIMIT, Position, cut_page, decode_cursor
from docustore.errors import InvalidQueryError, NotFoundError
from docustore.etl.models import EtlRun, QuarantinedRecord, QuarantineState, RunState

MAX_REASONS: Final = 20
# The dashboard asks every few seconds, and a record holds up to 8 MB of raw text.
MAX_RECORDS_BY_REASON: Final = 10_000
Filter = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Filters and page of a list of runs; None matches any."""

    source: str | None = None
    state: RunState | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineQuery:
    """Filters and page of a list of quarantined records; None matches any."""

    source: str | None = None
    state: QuarantineState | None = QuarantineState.OPEN
    code: str | None = None
    run_id: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def list_runs(query: RunQuery) -> tuple[list[EtlRun], str | None]:
    """Read one page of runs, newest first, and the cursor of the next page."""
    bound = ("runs", query.source, query.state)
    which = _given(source=query.source, state=query.state)
    if query.cursor is not None:
        which = {**which, **_before("created_at", decode_cursor(query.cursor, query=bound))}
    found = await EtlRun.find(which).sort("-created_at", "-_id").limit(query.limit + 1).to_list()
    return cut_page(
        found, limit=query.limit, position=lambda run: Position(at=run.created_at, id=str(run.id)), query=bound
    )


async def list_quarantined(query: QuarantineQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Read one page of quarantined records, last seen first, without their raw text."""
    filters = {"source": query.source, "state": query.state, "errors.code": query.code, "run_id": query.run_id}
    bound = ("quarantine", *filters.values())
    which = _given(**filters)
    if query.cursor is not None:
        which = {**which, **_before("last_seen_at", decode_cursor(query.cursor, query=bound))}
    order = [("last_seen_at", -1), ("_id", -1)]
    found = await _quarantine().find(which, {"raw": 0}, sort=order).limit(query.limit + 1).to_list()
    return cut_page(
        list(found),
        limit=query.limit,
        position=lambda row: Position(at=row["last_seen_at"], id=str(row["_id"])),
        query=bound,
    )


async def find_quarantined(record_id: str) -> Mapping[str, Any]:
    """Read one quarantined record with its raw text.

    Raises:
        NotFoundError: No quarantined record has this id.
    """
    found = await _quarantine().find_one({"_id": ObjectId(record_id)}) if ObjectId.is_valid(record_id) else None
    if found is None:
        raise NotFoundError(kind="quarantined record", id=record_id)
    return found


# A dry run has loaded nothing. It says nothing about a source's last success or the records loaded.
FINISHED: Final[Filter] = {
    "state": {"$in": [RunState.SUCCEEDED.value, RunState.FAILED.value]},
    "options.dry_run": {"$ne": True},
}


async def last_finished_run() -> EtlRun | None:
    """Read the last finished run of all sources that was no dry run."""
    return await EtlRun.find(FINISHED).sort("-created_at", "-_id").first_or_none()


async def last_finished_runs() -> list[Mapping[str, Any]]:
    """Read the last finished run of each source that was no dry run.

    One indexed read for each source.
    """
    runs: AsyncCollection[dict[str, Any]] = EtlRun.get_pymongo_collection()
    last = [
        await runs.find_one({"source": source, **FINISHED}, sort=[("created_at", -1)])
        for source in sorted(await runs.distinct("source"))
    ]
    return [run for run in last if run is not None]


async def open_by_source() -> dict[str, int]:
    """Count the open quarantined records of each source, from an index alone."""
    is_open = {"state": QuarantineState.OPEN.value}
    sources = await _quarantine().distinct("source")
    return {source: await _quarantine().count_documents({"source": source, **is_open}) for source in sources}


async def open_records(*, up_to: int) -> int:
    """Count the open quarantined records, at most `up_to`, from an index alone."""
    return await _quarantine().count_documents({"state": QuarantineState.OPEN.value}, limit=up_to)


async def open_by_reason() -> list[dict[str, Any]]:
    """Count open quarantined records by reason, most frequent reason first.

    Counts the 10,000 records that were seen last. A record counts once for each of its reasons.

    Shape: `{"code": "email_malformed", "pointer": "/email", "records": 12}`, at most 20.
    """
    pipeline: list[Filter] = [
        {"$match": {"state": QuarantineState.OPEN.value}},
        {"$sort": {"last_seen_at": -1}},
        {"$limit": MAX_RECORDS_BY_REASON},
        {"$unwind": "$errors"},
        {"$group": {"_id": {"code": "$errors.code", "pointer": "$errors.pointer"}, "records": {"$sum": 1}}},
        {"$sort": {"records": -1, "_id": 1}},
        {"$limit": MAX_REASONS},
    ]
    rows = await (await _quarantine().aggregate(pipeline)).to_list()
    return [{**row["_id"], "records": row["records"]} for row in rows]


def _quarantine() -> AsyncCollection[dict[str, Any]]:
    return QuarantinedRecord.get_pymongo_collection()


def _given(**equal: str | None) -> Filter:
    return {name: str(value) for name, value in equal.items() if value is not None}


def _before(field: str, position: Position) -> Filter:
    if not ObjectId.is_valid(position.id):
        raise InvalidQueryError((CURSOR_INVALID,))
    tie = {field: position.at, "_id": {"$lt": ObjectId(position.id)}}
    return {"$or": [{field: {"$lt": position.at}}, tie]}
