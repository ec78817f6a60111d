"""Lists of users whose times and ids are of any type."""

from datetime import timedelta

import pytest
from bson import DatetimeMS, MaxKey, ObjectId, Regex, Timestamp

from docustore.database import Database
from tests.integration.api.conftest import Client
from tests.integration.api.test_lists import START, fill, pages

ODD_TIMES = [
    None, 5, 7.5, "2020-01-01", "", {"at": 1}, b"x", ObjectId(), True, DatetimeMS(10**15), DatetimeMS(10**15 + 1),
    DatetimeMS(-(10**15)), Regex("a"), Timestamp(1, 1), START, START, MaxKey(), float("nan"),
]  # fmt: skip
ODD_IDS = [1, 2, 3, "a", "6b03670836d3f4af790854b3", "b", {"part": 1}, 2.5]


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("limit", [1, 3])
async def test_users_of_any_stored_form_are_listed_once(
    api: Client, database: Database, sort: str, limit: int
) -> None:
    """Other clients can pass the validator by: the times and ids are of any type."""
    await fill(database, 3)
    odd = [
        *({"email": f"time{n}@odd.example", "created_at": at} for n, at in enumerate(ODD_TIMES)),
        *({"email": f"id{n}@odd.example", "_id": each} for n, each in enumerate(ODD_IDS)),
        *({"email": f"both{n}@odd.example", "_id": f"x{n}", "created_at": START} for n in range(3)),
    ]
    await database.command("insert", "users", documents=odd, bypassDocumentValidation=True)

    found = [user["email"] for page in await pages(api, sort=sort, limit=limit) for user in page]

    order = -1 if sort.startswith("-") else 1
    stored = await database["users"].find({}, sort={"created_at": order, "_id": order}).to_list()
    assert found == [user["email"] for user in stored]


async def test_list_in_place_of_a_time_does_not_stop_the_pages(api: Client, database: Database) -> None:
    await fill(database, 5)
    odd = [{"email": f"list{n}@odd.example", "created_at": [START, START + timedelta(days=n)]} for n in range(3)]
    await database.command("insert", "users", documents=odd, bypassDocumentValidation=True)

    found = [user["email"] for page in await pages(api, limit=1) for user in page]
    # Its indexes remember for ever that they had a list, and serve no sorted ranges any more.
    await database["users"].drop()

    assert len(found) == len(set(found))
    assert {f"user{n}@example.org" for n in range(5)} <= set(found)


async def test_page_after_a_user_that_is_gone_is_refused(api: Client, database: Database) -> None:
    """Its time is not in the cursor."""
    odd = [{"email": f"odd{n}@odd.example", "created_at": f"text {n}"} for n in range(3)]
    await database.command("insert", "users", documents=odd, bypassDocumentValidation=True)
    cursor = (await api.get("/users", params={"limit": 1})).json()["next_cursor"]
    await database["users"].delete_many({"created_at": "text 2"})

    refused = await api.get("/users", params={"limit": 1, "cursor": cursor})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "cursor_invalid")
