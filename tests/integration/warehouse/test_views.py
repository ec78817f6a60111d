"""The views are what history says, whatever the order in which rows were stored."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import ConfigurationError
from docustore.history.compaction import Order, compact
from docustore.warehouse.tracked import tracked_fields
from docustore.warehouse.views import dim_user_pipeline
from indexes.actions import ActionKind
from indexes.apply import apply_indexes, plan_indexes
from indexes.declared import declared_for
from tests.integration.warehouse.reference import START, random_history, spans
from tests.listening import listening, make_user

TRACKED = ("status", "first_name")
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def stored_spans(database: Database) -> list[dict[str, Any]]:
    pipeline = dim_user_pipeline(tracked_fields(TRACKED))
    found = await (await database.user_history.aggregate(pipeline)).to_list()
    names = ("_id", "user_id", "valid_from", "valid_to", "recorded_at", *TRACKED)
    return sorted(
        ({name: row[name] for name in names} for row in found), key=lambda row: (str(row["user_id"]), row["_id"])
    )


@pytest.mark.parametrize("seed", range(6))
async def test_spans_are_those_of_the_reference(database: Database, seed: int) -> None:
    history = random_history(seed)
    Random(seed).shuffle(history)
    await database.user_history.insert_many(history)

    assert await stored_spans(database) == spans(history)


@pytest.mark.parametrize("seed", range(3))
async def test_compacted_history_has_the_same_spans(database: Database, seed: int) -> None:
    """A compacted row has no state, only how it differs from the next one."""
    history = random_history(seed)
    await database.user_history.insert_many(history)

    await compact(database, Order(older_than=LATER, seq=len(history)))

    assert await database.user_history.count_documents({"undo": {"$exists": True}}) > 20
    assert await stored_spans(database) == spans(history)


@pytest.mark.parametrize("seed", range(3))
async def test_spans_have_no_gap_and_no_overlap(database: Database, seed: int) -> None:
    history = random_history(seed)
    await database.user_history.insert_many(history)
    last = {row["user_id"]: row["after"] for row in history}

    rows = await database.dim_user.find().sort([("user_id", 1), ("_id", 1)]).to_list()

    for earlier, later in pairwise(rows):
        if earlier["user_id"] == later["user_id"]:
            assert earlier["valid_from"] < earlier["valid_to"] <= later["valid_from"]
    current = {row["user_id"]: row["status"] for row in rows if row["is_current"]}
    alive = {user_id: after for user_id, after in last.items() if after and after["deleted_at"] is None}
    assert current == {user_id: after["status"] for user_id, after in alive.items()}
    assert sum(row["is_current"] for row in rows) == len(alive)


def row(number: int, minutes: int, after: Any, *, modified: int | None = None, source: str = "etl:crm") -> Any:
    at = START + timedelta(minutes=minutes)
    identities = [] if modified is None else [{"key": "crm:1", "modified_at": START + timedelta(minutes=modified)}]
    state = None if after is None else {"status": after, "identities": identities}
    return {
        "_id": number,
        "user_id": 1,
        "operation": "update",
        "changes": {},
        "after": state,
        "valid_from": at,
        "source": source,
    }


def minutes(rows: list[dict[str, Any]]) -> list[tuple[str, int, int | None]]:
    def since_start(time: datetime | None) -> int | None:
        return None if time is None else int((time - START).total_seconds() // 60)

    return [(row["status"], since_start(row["valid_from"]), since_start(row["valid_to"])) for row in rows]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(
            [row(1, 0, "active", modified=0), row(2, 60, "inactive", modified=20)],
            [("active", 0, 20), ("inactive", 20, None)],
            id="a late upstream time splits the span that it falls into",
        ),
        pytest.param(
            [row(1, 0, "active"), row(2, 30, "inactive", source="api:k"), row(3, 60, "suspended", modified=10)],
            [("active", 0, 30), ("inactive", 30, 60), ("suspended", 60, None)],
            id="a version that is older than the one it replaced begins when it was recorded",
        ),
        pytest.param(
            [row(1, 0, "active"), row(2, 0, "inactive"), row(3, 0, "suspended")],
            [("suspended", 0, None)],
            id="of versions of one moment the last one counts",
        ),
        pytest.param(
            [row(1, 0, "active"), row(2, 10, None), row(3, 20, "active")],
            [("active", 0, 10), ("active", 20, None)],
            id="a user that comes back has two spans",
        ),
        pytest.param([row(1, 0, "active"), row(2, 9, "active")], [("active", 0, None)], id="no change, no span"),
        pytest.param([row(1, 0, None)], [], id="a removed user alone has no span"),
    ],
)
async def test_span(database: Database, history: Any, expected: Any) -> None:
    await database.user_history.insert_many(history)

    rows = await database.dim_user.find({"user_id": 1}).sort("_id", 1).to_list()

    assert minutes(rows) == expected


async def test_views_follow_the_listener(database: Database, settings: Settings) -> None:
    user = make_user()
    key = {"_id": user["_id"]}
    async with listening(database, settings):
        await wait_until_applied(database)
        await database.users.insert_one(dict(user))
        change = {"$set": {"status": "inactive", "updated_by": "api:k"}, "$inc": {"version": 1}}
        await database.users.update_one(key, change)
        await database.users.update_one(key, {"$set": {"deleted_at": user["created_at"]}, "$inc": {"version": 1}})
        await database.users.update_one(key, {"$set": {"deleted_at": None}, "$inc": {"version": 1}})
        await database.users.delete_one(key)
        await wait_until_applied(database)

    events = await database.fact_user_events.find().sort("_id", 1).to_list()
    rows = await database.dim_user.find().sort("_id", 1).to_list()

    assert [event["event"] for event in events] == ["created", "status_changed", "deleted", "restored", "removed"]
    assert (events[1]["status_before"], events[1]["status_after"]) == ("active", "inactive")
    assert events[1]["changed"] == ["status"]
    assert rows[0]["valid_from"] == user["identities"][0]["modified_at"]
    assert not any(row["is_current"] for row in rows)
    assert {row["status"] for row in rows} <= {"active", "inactive"}
    date = await database.dim_date.find_one({"_id": events[0]["date_key"]})
    assert date is not None
    assert date["date"].date() == events[0]["recorded_at"].date()


async def test_date_knows_its_calendar(database: Database) -> None:
    found = await database.dim_date.find_one({"_id": 20260131})

    assert found == {
        "_id": 20260131,
        "date": datetime(2026, 1, 31, tzinfo=UTC),
        "year": 2026,
        "quarter": 1,
        "month": 1,
        "month_name": "January",
        "day": 31,
        "iso_year": 2026,
        "iso_week": 5,
        "day_of_week": 6,
        "day_name": "Saturday",
        "is_weekend": True,
    }
    days = await database.dim_date.count_documents({})
    first = datetime(2000, 1, 1, tzinfo=UTC)
    assert days - (datetime.now(UTC) - first).days in {366, 367}


async def test_question_about_one_user_scans_nothing(database: Database) -> None:
    """A view over a million users must answer for one of them."""
    history = random_history(1)
    await database.user_history.insert_many(history)
    wanted = {"user_id": history[0]["user_id"]}
    before = await scans(database)

    rows = await database.dim_user.find(wanted).to_list()

    explained = {"aggregate": "dim_user", "pipeline": [{"$match": wanted}], "cursor": {}}
    plan = await database.command("explain", explained, verbosity="executionStats")
    users = plan["stages"][0]["$cursor"]["executionStats"]
    assert rows
    assert await scans(database) == before
    assert (users["nReturned"], users["totalKeysExamined"]) == (1, 2)


async def scans(database: Database) -> list[int]:
    """Count the scans of whole collections since the start of the server."""
    stages = [{"$collStats": {"queryExecStats": {}}}]
    found = [
        await (await database[name].aggregate(stages)).to_list() for name in ("user_history", "late_versions")
    ]
    return [int(stats["queryExecStats"]["collectionScans"]["total"]) for [stats] in found]


async def test_other_attributes_change_the_view(database: Database, settings: Settings) -> None:
    await database.user_history.insert_many(random_history(2))
    declared = declared_for(settings.model_copy(update={"warehouse_tracked": ("tags",)}))

    plan = await plan_indexes(database, declared=declared)
    await apply_indexes(database, declared=declared)
    again = await plan_indexes(database, declared=declared)
    row_ = await database.dim_user.find_one({})
    await apply_indexes(database)

    assert [(action.kind, action.collection) for action in plan.actions] == [(ActionKind.SET_VIEW, "dim_user")]
    assert again.is_in_sync
    assert row_ is not None
    assert {"tags"} == row_.keys() - {"_id", "user_id", "valid_from", "valid_to", "is_current", "recorded_at"}


async def test_dropped_view_is_created_again(database: Database) -> None:
    await database.dim_date.drop()

    plan = await plan_indexes(database)

    assert [(action.kind, action.reason) for action in plan.actions] == [(ActionKind.CREATE_VIEW, "missing")]
    await apply_indexes(database)
    assert (await plan_indexes(database)).is_in_sync


@pytest.mark.parametrize("names", [("shoe_size",), ("status", "status"), ()])
def test_unknown_attribute_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="DOCUSTORE_WAREHOUSE_TRACKED"):
        tracked_fields(names)
