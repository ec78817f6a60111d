import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from docustore.database import Database
from docustore.users.keyset import Place, UserSort, after
from docustore.users.listing import UserFilter
from docustore.users.profile import UserStatus
from docustore.users.search_filter import search_filter
from docustore.users.search_terms import search_terms
from tests.integration.api.conftest import Client, create

START = datetime(2026, 1, 1, tzinfo=UTC)


def raw(number: int, **fields: Any) -> dict[str, Any]:
    email, first, last = f"user{number}@example.org", f"Name{number % 10}", "Łukasz" if number % 2 else "Zoë"
    return {
        "email": email,
        "first_name": first,
        "last_name": last,
        "status": ("active", "inactive", "suspended")[number % 3],
        "profile": {"location": "Porto" if number % 4 else "Oslo"},
        "roles": ["clerk"] if number % 5 == 0 else [],
        "tags": [f"t{number % 7}"],
        "search_terms": search_terms(email=email, first_name=first, last_name=last),
        # Three users share each time, so that the tie-break matters.
        "created_at": START + timedelta(minutes=number // 3),
        "updated_at": START,
        "deleted_at": None,
        "version": 1,
        **fields,
    }


async def fill(database: Database, count: int) -> None:
    await database["users"].insert_many([raw(number) for number in range(count)])


async def pages(api: Client, **params: Any) -> list[list[dict[str, Any]]]:
    found = []
    response = await api.get("/users", params=params)
    while True:
        assert response.status_code == 200, response.text
        found.append(response.json()["items"])
        if response.json()["next_cursor"] is None:
            assert "link" not in response.headers
            return found
        response = await api.get(response.links["next"]["url"])


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_pages_are_stable_during_inserts(api: Client, database: Database, sort: str) -> None:
    await fill(database, 1000)

    async def keep_inserting() -> None:
        for number in range(1000, 1200):
            moment = START + timedelta(minutes=(number * 37) % 400)
            await database["users"].insert_one(raw(number, created_at=moment))

    inserting = asyncio.create_task(keep_inserting())
    found = [user for page in await pages(api, sort=sort, limit=7) for user in page]
    await inserting

    ids = [user["id"] for user in found]
    assert len(ids) == len(set(ids))
    present_from_the_start = {f"user{number}@example.org" for number in range(1000)}
    assert present_from_the_start <= {user["email"] for user in found}
    moments = [user["created_at"] for user in found]
    assert moments == sorted(moments, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_users_without_a_date_are_listed(api: Client, database: Database, sort: str) -> None:
    await fill(database, 5)
    await database["users"].insert_many([{"email": f"bare{n}@example.org"} for n in range(5)])

    found = [user["email"] for page in await pages(api, sort=sort, limit=2) for user in page]

    assert len(found) == len(set(found)) == 10
    bare = [email.startswith("bare") for email in found]
    assert bare == sorted(bare, reverse=sort == "created_at")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, lambda n: n >= 0),
        ({"status": "suspended"}, lambda n: n % 3 == 2),
        ({"role": "clerk"}, lambda n: n % 5 == 0),
        ({"tag": "t3"}, lambda n: n % 7 == 3),
        ({"location": "Oslo"}, lambda n: n % 4 == 0),
        ({"status": "active", "tag": "t0"}, lambda n: n % 21 == 0),
        ({"created_at[gte]": "2026-01-01T00:10:00Z"}, lambda n: n >= 30),
        ({"created_at[gt]": "2026-01-01T00:10:00Z"}, lambda n: n >= 33),
        ({"created_at[lt]": "2026-01-01T00:10:00Z"}, lambda n: n < 30),
        ({"created_at[lte]": "2026-01-01T01:10:00+01:00"}, lambda n: n < 33),
        (
            {"created_at[gte]": "2026-01-01T00:02:00Z", "created_at[lt]": "2026-01-01T00:04:00Z"},
            lambda n: 6 <= n < 12,
        ),
    ],
)
async def test_filters_and_counts_agree(api: Client, database: Database, params: Any, expected: Any) -> None:
    await fill(database, 90)
    numbers = {number for number in range(90) if expected(number)}

    found = {user["email"] for page in await pages(api, limit=4, **params) for user in page}
    exact = await api.get(
        "/users", params={**params, "limit": 1}, headers={"prefer": "respond-async, count=exact"}
    )
    estimated = await api.get("/users", params=params, headers={"prefer": "count=estimated"})

    assert found == {f"user{number}@example.org" for number in numbers}
    assert (exact.json()["total"], exact.headers["preference-applied"]) == (len(numbers), "count=exact")
    assert estimated.json()["total"] == len(numbers)


async def test_count_is_returned_only_on_request(api: Client) -> None:
    response = await api.get("/users")

    assert response.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("sort=email", "/sort"),
        ("status=gone", "/status"),
        ("statsu=active", "/statsu"),
        ("created_at[gte]=yesterday", "/created_at[gte]"),
        ("cursor=AAAA", "/cursor"),
    ],
)
async def test_bad_query_is_400_with_its_pointer(api: Client, query: str, pointer: str) -> None:
    response = await api.get(f"/users?{query}")

    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_cursor_is_refused_with_other_filters(api: Client, database: Database) -> None:
    await fill(database, 30)
    cursor = (await api.get("/users?limit=5")).json()["next_cursor"]

    other = await api.get("/users", params={"limit": 5, "cursor": cursor, "status": "active"})
    smaller = await api.get("/users", params={"limit": 3, "cursor": cursor})

    assert (other.status_code, smaller.status_code) == (400, 200)


async def test_extreme_dates_do_not_overflow(api: Client) -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert (await api.get("/users", params={"created_at[gte]": moment})).status_code == 200


async def test_search_matches_prefixes_of_all_words(api: Client) -> None:
    ada = await create(api, "ada.lovelace@example.org", first_name="Ada", last_name="Lovelace")
    ola = await create(api, "o@uni.example", first_name="Óla", last_name="Łącka")

    async def found(text: str, **params: Any) -> list[str]:
        response = await api.get("/users/search", params={"q": text, **params})
        assert response.status_code == 200, response.text
        return [user["id"] for user in response.json()["users"]]

    assert await found("LOVE") == [ada["id"]]
    assert await found("ada love") == [ada["id"]]
    assert await found("ada lacka") == []
    assert await found("lac") == await found("łąC") == [ola["id"]]
    assert await found("example") == [ola["id"], ada["id"]]
    assert await found("ada.lovelace@example.org") == [ada["id"]]
    # As a regular expression it would find Lovelace.
    assert await found("l.velace") == []
    assert await found("example", status="suspended") == []


async def test_search_pages_by_offset_and_by_cursor(api: Client, database: Database) -> None:
    await fill(database, 50)

    first = (await api.get("/users/search", params={"q": "zoe", "limit": 10})).json()
    by_offset = (await api.get("/users/search", params={"q": "zoe", "limit": 10, "offset": 10})).json()
    by_cursor = (
        await api.get("/users/search", params={"q": "zoe", "limit": 10, "cursor": first["next_cursor"]})
    ).json()
    last = (await api.get("/users/search", params={"q": "zoe", "limit": 10, "offset": 20})).json()

    assert (first["total"], first["pages"], first["limit"], first["offset"]) == (25, 3, 10, 0)
    assert by_offset["users"] == by_cursor["users"]
    assert by_offset["users"] != first["users"]
    assert (len(last["users"]), last["next_cursor"]) == (5, None)
    moments = [user["created_at"] for user in first["users"]]
    assert moments == sorted(moments, reverse=True)


async def test_search_total_stops_at_1001(api: Client, database: Database) -> None:
    await fill(database, 1100)

    page = (await api.get("/users/search", params={"q": "user", "limit": 100})).json()

    assert (page["total"], page["pages"]) == (1001, 11)


@pytest.mark.parametrize(
    "query", ["q=", "q=%20", "q=%C2%A1!", "limit=5", "q=a&offset=1001", f"q={quote('a' * 201)}"]
)
async def test_invalid_search_is_400(api: Client, query: str) -> None:
    response = await api.get(f"/users/search?{query}")

    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


def stages(plan: Any) -> set[str]:
    found = {plan["stage"]} if "stage" in plan else set()
    for part in plan.values():
        for inner in part if isinstance(part, list) else [part]:
            if isinstance(inner, dict):
                found |= stages(inner)
    return found


@pytest.mark.parametrize("sort", list(UserSort))
@pytest.mark.parametrize(
    "which",
    [
        UserFilter(),
        UserFilter(status=UserStatus.ACTIVE),
        UserFilter(role="clerk"),
        UserFilter(tag="t1"),
        UserFilter(location="Oslo"),
        UserFilter(created_from=START + timedelta(minutes=30)),
    ],
)
async def test_deep_page_reads_few_keys_without_a_sort(
    api: Client, database: Database, which: UserFilter, sort: UserSort
) -> None:
    await fill(database, 2000)
    order = [("created_at", -1 if sort is UserSort.NEWEST else 1), ("_id", -1 if sort is UserSort.NEWEST else 1)]
    matching = which.as_query()
    middle = (await database["users"].find(matching).sort(order).skip(100).limit(1).to_list())[0]
    place = Place(at=middle["created_at"], id=middle["_id"])

    plan = await database["users"].find(after(place, matching, sort=sort)).sort(order).limit(21).explain()

    assert not stages(plan["queryPlanner"]["winningPlan"]) & {"COLLSCAN", "SORT"}
    assert plan["executionStats"]["totalKeysExamined"] < 60
    assert plan["executionStats"]["totalDocsExamined"] < 60


async def test_search_uses_its_index(api: Client, database: Database) -> None:
    await fill(database, 2000)

    plan = await database["users"].find(search_filter("user17", status=None)).explain()

    assert "COLLSCAN" not in stages(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] < 150
