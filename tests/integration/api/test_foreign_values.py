"""Users whose values no calendar and no text holds.

One such user must not end the answers with all the others.
"""

from typing import Any

import bson
import pytest
from bson import Code, Decimal128, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from docustore.database import Database
from tests.integration.api.conftest import Client

ID = ObjectId("65f1c7a2b3d4e5f6a7b8c9d0")
# MongoDB's times reach far beyond the year 9999, and its validator accepts them.
BEYOND = DatetimeMS(10**15)


@pytest.fixture
async def stranger(database: Database) -> None:
    """A user of another client, beside one of the API's form."""
    user = {
        "_id": ID,
        "email": "far@example.org",
        "first_name": "xxxx",
        "created_at": BEYOND,
        "updated_at": BEYOND,
    }
    broken = bson.encode(user).replace(b"xxxx", b"\xff\xfeab")
    await database["users"].insert_one(RawBSONDocument(broken))  # type: ignore[arg-type]
    await database["users"].insert_one({"email": "near@example.org"})


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("path", ["/users?sort=-created_at", "/users?sort=created_at", f"/users/{ID}"])
async def test_other_clients_end_no_answer(api: Client, path: str) -> None:
    answer = await api.get(path)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    shown = next(each for each in found.get("items", [found]) if each["email"] == "far@example.org")
    assert shown["created_at"].startswith("9999-12-31T23:59:59")
    assert shown["first_name"].endswith("ab")


ODD: list[Any] = [
    Decimal128("1"),
    {},
    [5],
    b"x",
    ObjectId(),
    1.5,
    Regex("x"),
    Timestamp(1, 1),
    Code("x"),
    MinKey(),
]


@pytest.mark.parametrize("value", ODD)
async def test_values_of_any_type_are_listed(api: Client, database: Database, value: Any) -> None:
    """They are written past the validator, and are found by such a list."""
    user = {"first_name": value, "status": value, "roles": [value], "profile": {"location": value, "bio": value}}
    await database["users"].insert_one({"email": "odd@example.org", **user}, bypass_document_validation=True)

    listed = await api.get("/users")
    exported = await api.get("/export/users")
    read = await api.get(f"/users/{listed.json()['items'][0]['id']}")

    assert [each.status_code for each in (listed, read, exported)] == [200, 200, 200]
    assert [user["email"] for user in listed.json()["items"]] == ["odd@example.org"]


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", "quarter", "year"])
async def test_first_and_last_times_have_a_bucket(api: Client, database: Database, bucket: str, zone: str) -> None:
    """The local begin of the first bucket, or the week around it, may be in no calendar."""
    first, last = DatetimeMS(-62_135_596_800_000), DatetimeMS(253_402_300_799_999)
    await database["users"].insert_many(
        [{"email": f"{n}@example.org", "created_at": each} for n, each in enumerate((first, last))]
    )
    time = {"bucket": bucket, "timezone": zone, "week_start": "sunday"}

    answer = await api.post("/analytics/query", json={"metrics": ["users"], "time": time})

    assert answer.status_code == 200, answer.text
    assert sum(users for _, users in answer.json()["rows"]) == 4
