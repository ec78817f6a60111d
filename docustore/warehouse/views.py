"""The pipelines of the views `dim_user`, `fact_user_events` and `dim_date`. Pure.

`dim_user` is a slowly changing dimension of type 2: one row per span of time in which the tracked attributes of a
user were the same. Spans are half-open, without gaps and overlaps while the user exists, and exactly the last one
of an existing user is current. A user that is deleted and comes back has two spans.

Changes of a user are in the order of history (`_id`). A version begins when the change happened
(`docustore.warehouse.versions`), but not before the version that it replaced. A late version
(`docustore.etl.late_store`) splits the span that its time falls into (`docustore.warehouse.timeline`). Of versions
that begin at the same time, only the last one has a span.
"""

from typing import Any, Final

from docustore.etl.late_store import LATE_VERSIONS
from docustore.exports.columns import column_of
from docustore.history.models import HISTORY
from docustore.users.fields import UserField
from docustore.warehouse.timeline import change_stages, late_stages, timeline_stages
from docustore.warehouse.versions import RECORDED_AT

Pipeline = list[dict[str, Any]]
DIM_USER: Final = "dim_user"
FACT_USER_EVENTS: Final = "fact_user_events"
DIM_DATE: Final = "dim_date"

_FIRST_DATE: Final = "2000-01-01"
_DAYS_AHEAD: Final = 366
_WEEKEND_DAY: Final = 6
# The numbers of months and of days of the week are one more than the positions here.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def dim_user_pipeline(tracked: tuple[UserField, ...]) -> Pipeline:
    """Make `dim_user` from history.

    Shape of a row: `{_id, user_id, <tracked attributes>, valid_from, valid_to, is_current, recorded_at}`. `_id` is
    the number of the change that began the span, or the id of the late version, a text. `valid_to` is null for
    the current span.
    """
    columns = [column_of(field).name for field in tracked]
    of_user = {"$match": {"$expr": {"$eq": ["$user_id", "$$user_id"]}}}
    late = {"$unionWith": {"coll": LATE_VERSIONS, "pipeline": [of_user, *late_stages(tracked)]}}
    spans = [of_user, *change_stages(tracked), late, *timeline_stages(columns)]
    return [
        # User by user: a question about one user reads the changes of that user only. The server moves a filter by
        # user before a `$group`, and not before a window.
        {"$group": {"_id": "$user_id"}},
        {"$lookup": {"from": HISTORY, "let": {"user_id": "$_id"}, "pipeline": spans, "as": "span"}},
        {"$unwind": "$span"},
        {
            "$project": {
                "_id": "$span._id",
                "user_id": "$_id",
                **{name: f"$span.state.{name}" for name in columns},
                "valid_from": "$span.place.at",
                "valid_to": "$span.valid_to",
                "is_current": {"$eq": ["$span.valid_to", None]},
                "recorded_at": "$span.recorded_at",
            }
        },
    ]


def fact_user_events_pipeline() -> Pipeline:
    """Make one row per change from history.

    Shape of a row: `{_id, user_id, event, operation, source, recorded_at, date_key, changed, status_before,
    status_after}`. `event` is created, updated, status_changed, deleted, restored, removed or observed. The
    version of the user is the row of `dim_user` whose span has `recorded_at`.
    """
    return [{"$project": event_columns()}]


def event_columns() -> dict[str, Any]:
    """Return the expressions of a row of `fact_user_events`, by column."""
    return {
        "user_id": 1,
        "event": _EVENT,
        "operation": 1,
        "source": 1,
        "recorded_at": RECORDED_AT,
        "date_key": {"$toInt": {"$dateToString": {"date": RECORDED_AT, "format": "%Y%m%d"}}},
        "changed": {"$map": {"input": {"$objectToArray": "$changes"}, "in": "$$this.k"}},
        "status_before": {"$ifNull": ["$changes.status.before", None]},
        "status_after": {"$ifNull": ["$changes.status.after", None]},
    }


def dim_date_pipeline() -> Pipeline:
    """Make one row per day, from 2000 to one year from now.

    Shape of a row: `{_id, date, year, quarter, month, month_name, day, iso_year, iso_week, day_of_week, day_name,
    is_weekend}`. `_id` is the `date_key`: the number 20260131. Days of the week are numbered from Monday, 1.
    """
    first = {"$dateFromString": {"dateString": _FIRST_DATE}}
    days = {"$add": [{"$dateDiff": {"startDate": first, "endDate": "$$NOW", "unit": "day"}}, _DAYS_AHEAD]}
    date = {"$dateAdd": {"startDate": first, "unit": "day", "amount": "$$this"}}
    documents = {"$map": {"input": {"$range": [0, {"$toInt": days}]}, "in": {"date": date}}}
    return [
        # A view needs a collection. It may be empty, so the rows come from beside it.
        {"$match": {"$expr": False}},
        {"$unionWith": {"pipeline": [{"$documents": documents}]}},
        {
            "$project": {
                "_id": {"$toInt": {"$dateToString": {"date": "$date", "format": "%Y%m%d"}}},
                "date": 1,
                "year": {"$year": "$date"},
                "quarter": {"$toInt": {"$ceil": {"$divide": [{"$month": "$date"}, 3]}}},
                "month": {"$month": "$date"},
                "month_name": {"$arrayElemAt": [list(_MONTHS), {"$subtract": [{"$month": "$date"}, 1]}]},
                "day": {"$dayOfMonth": "$date"},
                "iso_year": {"$toInt": {"$isoWeekYear": "$date"}},
                "iso_week": {"$isoWeek": "$date"},
                "day_of_week": {"$isoDayOfWeek": "$date"},
                "day_name": {"$arrayElemAt": [list(_DAYS), {"$subtract": [{"$isoDayOfWeek": "$date"}, 1]}]},
                "is_weekend": {"$gte": [{"$isoDayOfWeek": "$date"}, _WEEKEND_DAY]},
            }
        },
    ]


def _is_given(path: str) -> dict[str, Any]:
    return {"$ne": [{"$ifNull": [path, None]}, None]}


_EVENT: Final = {
    "$switch": {
        "branches": [
            {"case": {"$in": ["$operation", ["snapshot", "recovered"]]}, "then": "observed"},
            {"case": {"$eq": ["$operation", "insert"]}, "then": "created"},
            {"case": {"$eq": ["$operation", "delete"]}, "then": "removed"},
            {"case": _is_given("$changes.deleted_at.after"), "then": "deleted"},
            {"case": _is_given("$changes.deleted_at.before"), "then": "restored"},
            {"case": _is_given("$changes.status"), "then": "status_changed"},
        ],
        "default": "updated",
    }
}
