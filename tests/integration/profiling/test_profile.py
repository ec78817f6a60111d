"""A profile counts what is stored, whatever any client has written."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import SON
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from docustore.database import Database
from docustore.errors import InvalidQueryError
from docustore.profiling.model import FieldProfile, UsersProfile
from docustore.profiling.profile import Scope, profile_users

WHOLE = Scope(sample=None)


def by_name(profile: UsersProfile) -> dict[str, FieldProfile]:
    return {each["field"]: each for each in profile["fields"]}


async def store(database: Database, *users: dict[str, Any]) -> None:
    """Write users as a client does that keeps no rules."""
    await database.command("collMod", "users", validator={})
    await database.users.insert_many([{"email": f"u{n}@example.org", **user} for n, user in enumerate(users)])


async def test_every_user_is_counted_once(database: Database) -> None:
    """Missing, null, empty, other types and filled values add up."""
    await store(
        database,
        {"first_name": "Ada"},
        {"first_name": "Ada"},
        {"first_name": ""},
        {"first_name": None},
        {"first_name": 7},
        {"first_name": ["Ada"]},
        {},
        {"first_name": "Grace", "deleted_at": datetime.now(UTC)},
    )

    found = await profile_users(database, WHOLE)

    name = by_name(found)["first_name"]
    assert (found["users"], found["is_sample"]) == (7, False)
    figures = [name[key] for key in ("filled", "empty", "nulls", "other_type", "missing")]  # type: ignore[literal-required]
    assert figures == [2, 1, 1, 2, 1]
    assert name["filled_pct"] == pytest.approx(28.57)
    assert name["distinct"] == {"count": 1, "method": "exact", "error_pct": 0.0}
    assert name["top"] == [{"value": "Ada", "count": 2}]
    assert name["patterns"] == [{"pattern": "Aa+", "count": 2}]
    assert (name["min_length"], name["max_length"]) == (0, 3)


async def test_elements_of_lists_are_values(database: Database) -> None:
    await store(database, {"tags": ["a", "b"]}, {"tags": ["a"]}, {"tags": []}, {"tags": [1, "b", "b"]})

    tags = by_name(await profile_users(database, WHOLE))["tags"]

    assert (tags["filled"], tags["empty"], tags["max_length"]) == (3, 1, 3)
    assert tags["top"] == [{"value": "a", "count": 2}, {"value": "b", "count": 2}]


async def test_element_counts_once_for_each_user(database: Database) -> None:
    """A count of a value is a number of users."""
    await store(database, {"tags": ["a"] * 9}, {"tags": ["b", "c", "b"]}, {"tags": ["c", "d1", "d1"]})

    tags = by_name(await profile_users(database, WHOLE))["tags"]

    assert tags["top"] == [{"value": "c", "count": 2}]
    assert tags["patterns"] == [{"pattern": "a", "count": 4}, {"pattern": "a9", "count": 1}]
    assert (tags["counted"], tags["distinct"]) == (5, {"count": 4, "method": "exact", "error_pct": 0.0})


async def test_times_have_a_range(database: Database) -> None:
    first, last = datetime(2019, 5, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    await store(database, {"created_at": first}, {"created_at": last}, {"created_at": "2020"})

    times = by_name(await profile_users(database, WHOLE))["created_at"]

    assert (times["earliest"], times["latest"], times["other_type"]) == (first, last, 1)


async def test_strange_values_do_not_end_it(database: Database) -> None:
    await store(
        database,
        {"profile": "text", "created_at": DatetimeMS(253_402_300_800_000)},
        {"profile": [SON(location="Paris")], "roles": [["nested"]], "first_name": "\ud7ff\U0001f600"},
        {"profile": {"location": {"city": "Rome"}, "bio": "x" * 5000}, "tags": "a"},
        {"_id": SON(a=1), "last_name": "Lovelace"},
    )

    profile = await profile_users(database, WHOLE)

    assert profile["users"] == 4
    assert by_name(profile)["profile.location"]["other_type"] == 2
    assert by_name(profile)["created_at"]["latest"] is None
    assert by_name(profile)["profile.bio"]["max_length"] == 5000


async def test_times_beyond_the_calendar_do_not_hide_the_others(database: Database) -> None:
    """Two users with one such time would be a frequent value, which JSON cannot hold."""
    beyond, before = DatetimeMS(253_402_300_800_000), DatetimeMS(-(2**63))
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    await store(database, *({"created_at": each} for each in (beyond, beyond, before, first, first, last)))

    times = by_name(await profile_users(database, WHOLE))["created_at"]

    assert (times["earliest"], times["latest"]) == (first, last)
    assert (times["filled"], times["counted"]) == (6, 3)
    assert times["distinct"] == {"count": 4, "method": "exact", "error_pct": 0.0}
    assert times["top"] == [{"value": first, "count": 2}]


async def test_broken_texts_do_not_end_it(database: Database) -> None:
    """Another client may store bytes that are not UTF-8."""
    await database.command("collMod", "users", validator={})
    raw = bson.encode({"_id": 1, "first_name": "xxxx", "tags": ["yyyy"], "profile": {"bio": "zzzz"}})
    for text in (b"xxxx", b"yyyy", b"zzzz"):
        raw = raw.replace(text, b"\xff\xfe\xc3x")
    await database.get_collection("users").insert_one(RawBSONDocument(raw))  # type: ignore[arg-type]

    found = by_name(await profile_users(database, WHOLE))

    assert (found["first_name"]["filled"], found["tags"]["filled"], found["profile.bio"]["filled"]) == (1, 1, 1)


async def test_many_values_are_estimated(database: Database) -> None:
    """Above the limit the number is an estimate, with its error, and the values are a part."""
    await database.users.insert_many([{"email": f"user{n}@example.org"} for n in range(12_000)])

    email = by_name(await profile_users(database, Scope(fields=("email",), sample=None)))["email"]

    distinct = email["distinct"]
    assert distinct is not None
    assert distinct["method"] == "hyperloglog"
    assert distinct["count"] == pytest.approx(12_000, rel=3 * distinct["error_pct"] / 100)
    assert email["top"] == []
    assert email["counted"] == pytest.approx(10_000, rel=0.05)


async def test_values_of_late_users_count_like_those_of_early_ones(database: Database) -> None:
    """Where only some values are counted, they are from all parts of the collection."""
    late = [{"email": f"late-{n}@example.org"} for n in range(10_000)]
    await database.users.insert_many([{"email": f"early{n}@example.org"} for n in range(10_000)])
    await database.users.insert_many(late)

    email = by_name(await profile_users(database, Scope(fields=("email",), sample=None)))["email"]

    dashed = sum(each["count"] for each in email["patterns"] if "-" in each["pattern"])
    assert dashed == pytest.approx(email["counted"] / 2, rel=0.1)


async def test_all_figures_of_a_sample_concern_the_same_users(database: Database) -> None:
    await database.users.insert_many([{"email": f"user{n}@example.org", "status": "active"} for n in range(4000)])

    found = await profile_users(database, Scope(sample=400))

    assert found["is_sample"]
    assert 250 < found["users"] < 600
    assert by_name(found)["status"]["top"] == [{"value": "active", "count": found["users"]}]


async def test_an_empty_store_has_a_profile(database: Database) -> None:
    found = await profile_users(database, WHOLE)

    assert found["users"] == 0
    assert {field["filled_pct"] for field in found["fields"]} == {None}


async def test_unknown_fields_and_long_profiles_are_refused(database: Database) -> None:
    with pytest.raises(InvalidQueryError, match="there is no field `password_hash`"):
        await profile_users(database, Scope(fields=("password_hash",)))
    await database.users.insert_many([{"email": f"user{n}@example.org"} for n in range(1000)])
    with pytest.raises(InvalidQueryError, match="smaller sample"):
        await profile_users(database, Scope(timeout_s=0.000_001))
