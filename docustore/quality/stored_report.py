"""Everything that a report needs, in one read.

The server joins the small collections. So a report costs one round trip, and its parts are of one state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES, EffectState, effect_state_of
from docustore.joined_reads import read_joined
from docustore.quality.checks import CHECKS, CheckView, check_view
from docustore.quality.counts import COUNTS, TOTALS_ID
from docustore.quality.stored import REPORTS, USER_QUALITY, counted_of, last_slot, read_counts
from docustore.quality.times import times_id
from docustore.quality.versions import KEPT_ID, Counted
from docustore.quality.waivers import WAIVERS, Waiver, waiver_of

_LAST_SLOT: Final = "last_slot:"
_HOUR_PREFIX: Final = "hour:"
_HOUR_FIELDS: Final = {"at": 1, "rules": 1}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True, kw_only=True)
class StoredReport:
    """The stored parts of a report; see `quality_report`.

    `last_slots` counts, for each rule of time by its id, the users of the quarter hour of its cut-off that are
    before it.
    """

    counted: Counted
    last_slots: dict[str, int]
    state: EffectState | None = None
    hour: Document | None = None
    check: CheckView | None = None
    waivers: dict[str, Waiver] = field(default_factory=dict)


async def read_report(database: Database, cutoffs: Mapping[str, datetime], *, now: datetime) -> StoredReport:
    """Read all parts.

    Args:
        cutoffs: The oldest accepted time of each rule of time, by the id of the rule; naive, in UTC.
        now: Aware; the waivers that end before it do not count.
    """
    found = StoredReport(counted=Counted(totals={}), last_slots=dict.fromkeys(cutoffs, 0))
    documents = await read_joined(database, COUNTS, _pipeline(cutoffs, now))
    counters = [each for each in documents if not _sorted_in(found, each)]
    is_older = any(each["_id"] == TOTALS_ID and "years" not in each for each in counters)
    # Until the listener has brought the counters of an older release forward.
    found.counted = await read_counts(database) if is_older else counted_of(counters)
    return found


def _sorted_in(found: StoredReport, document: Document) -> bool:
    """Sort a document into its part; False for a counter."""
    name = document["_id"]
    # A stage that marks each part would cost more than the documents. The id of a waiver is the name of a rule.
    if "until" in document:
        found.waivers[name] = waiver_of(document)
    elif "finished_at" in document:
        found.check = check_view(document)
    elif name == USER_QUALITY:
        found.state = effect_state_of(document)
    elif name.startswith(_HOUR_PREFIX):
        found.hour = document
    elif name.startswith(_LAST_SLOT):
        found.last_slots[name.removeprefix(_LAST_SLOT)] = document["users"]
    else:
        return False
    return True


def _pipeline(cutoffs: Mapping[str, datetime], now: datetime) -> list[dict[str, Any]]:
    latest_hour: list[dict[str, Any]] = [
        {"$match": {"bucket": "hour"}},
        {"$sort": {"at": -1}},
        {"$limit": 1},
    ]
    # A comparison excludes null.
    latest_check: list[dict[str, Any]] = [
        {"$match": {"finished_at": {"$gte": _EPOCH}}},
        {"$sort": {"finished_at": -1}},
        {"$limit": 1},
    ]
    return [
        *_counters(cutoffs),
        _joined(EFFECT_STATES, [{"$match": {"_id": USER_QUALITY}}]),
        _joined(REPORTS, [*latest_hour, {"$project": _HOUR_FIELDS}]),
        _joined(CHECKS, latest_check),
        _joined(WAIVERS, [{"$match": {"until": {"$gt": now}}}]),
        *(_joined(USER_QUALITY, _last_slot(rule_id, cutoff)) for rule_id, cutoff in cutoffs.items()),
    ]


def _counters(cutoffs: Mapping[str, datetime]) -> list[dict[str, Any]]:
    """Read the totals and, for each rule of time, one month and the slots of one day."""
    months = [times_id(rule_id, cutoff.date().isoformat()[:7]) for rule_id, cutoff in cutoffs.items()]
    fields = ["users", "rules", "years", "days"]
    fields += [f"months.{rule_id}.{cutoff.year:04}" for rule_id, cutoff in cutoffs.items()]
    fields += dict.fromkeys(f"slots.{cutoff.day:02}" for cutoff in cutoffs.values())
    return [
        {"$match": {"_id": {"$in": [TOTALS_ID, KEPT_ID, *months]}}},
        {"$project": dict.fromkeys(fields, 1)},
    ]


def _last_slot(rule_id: str, cutoff: datetime) -> list[dict[str, Any]]:
    number = {"_id": {"$literal": f"{_LAST_SLOT}{rule_id}"}, "users": {"$sum": 1}}
    return [{"$match": last_slot(rule_id, cutoff)}, {"$group": number}]


def _joined(collection: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$unionWith": {"coll": collection, "pipeline": pipeline}}
