"""Everything that a report needs, in one read.

The server joins the small collections. So a report costs one round trip, and its parts are of one state.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES, EffectState, effect_state_of
from docustore.joined_reads import read_joined
from docustore.quality.checks import CHECKS, CheckView, check_view
from docustore.quality.counts import COUNTS, TOTALS_ID, days_id
from docustore.quality.stored import REPORTS, USER_QUALITY, counted_of, last_day, read_counts
from docustore.quality.versions import KEPT_ID, Counted
from docustore.quality.waivers import WAIVERS, Waiver, waiver_of

_PART: Final = "report_part"
_COUNTS: Final = "counts"
_STATE: Final = "state"
_HOUR: Final = "hour"
_CHECK: Final = "check"
_WAIVER: Final = "waiver"
_LAST_DAY: Final = "last_day:"
_STATE_FIELDS: Final = dict.fromkeys(("version", "state", "live_version", "seq", "as_of"), 1)
_HOUR_FIELDS: Final = {"at": 1, "rules": 1}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """The stored parts of a report; see `quality_report`.

    `last_days` counts, for each rule of time by its id, the users of the day of its cut-off that are before it.
    """

    state: EffectState | None
    counted: Counted
    hour: Document | None
    check: CheckView | None
    waivers: Mapping[str, Waiver]
    last_days: Mapping[str, int]


async def read_report(database: Database, cutoffs: Mapping[str, datetime], *, now: datetime) -> StoredReport:
    """Read all parts.

    Args:
        cutoffs: The oldest accepted time of each rule of time, by the id of the rule; naive, in UTC.
        now: Aware; the waivers that end before it do not count.
    """
    parts: dict[str, list[Document]] = defaultdict(list)
    for document in await read_joined(database, COUNTS, _pipeline(cutoffs, now)):
        parts[document.pop(_PART, _COUNTS)].append(document)
    return StoredReport(
        state=next(map(effect_state_of, parts[_STATE]), None),
        counted=await _counted(database, parts[_COUNTS]),
        hour=next(iter(parts[_HOUR]), None),
        check=next(map(check_view, parts[_CHECK]), None),
        waivers={each["_id"]: waiver_of(each) for each in parts[_WAIVER]},
        last_days={rule_id: _number(parts[_LAST_DAY + rule_id]) for rule_id in cutoffs},
    )


async def _counted(database: Database, found: list[Document]) -> Counted:
    is_older = any(each["_id"] == TOTALS_ID and "years" not in each for each in found)
    # Until the listener has brought the counters of an older release forward.
    return await read_counts(database) if is_older else counted_of(found)


def _pipeline(cutoffs: Mapping[str, datetime], now: datetime) -> list[dict[str, Any]]:
    latest_hour: list[dict[str, Any]] = [{"$match": {"bucket": "hour"}}, {"$sort": {"at": -1}}, {"$limit": 1}]
    # A comparison excludes null.
    latest_check: list[dict[str, Any]] = [
        {"$match": {"finished_at": {"$gte": _EPOCH}}},
        {"$sort": {"finished_at": -1}},
        {"$limit": 1},
    ]
    days = [days_id(rule_id, f"{cutoff.year:04}") for rule_id, cutoff in cutoffs.items()]
    return [
        {"$match": {"_id": {"$in": [TOTALS_ID, KEPT_ID, *days]}}},
        _joined(EFFECT_STATES, _STATE, [{"$match": {"_id": USER_QUALITY}}, {"$project": _STATE_FIELDS}]),
        _joined(REPORTS, _HOUR, [*latest_hour, {"$project": _HOUR_FIELDS}]),
        _joined(CHECKS, _CHECK, latest_check),
        _joined(WAIVERS, _WAIVER, [{"$match": {"until": {"$gt": now}}}]),
        *(
            _joined(
                USER_QUALITY, _LAST_DAY + rule_id, [{"$match": last_day(rule_id, cutoff)}, {"$count": "users"}]
            )
            for rule_id, cutoff in cutoffs.items()
        ),
    ]


def _joined(collection: str, part: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$unionWith": {"coll": collection, "pipeline": [*pipeline, {"$set": {_PART: part}}]}}


def _number(found: Iterable[Document]) -> int:
    return sum(int(each["users"]) for each in found)
