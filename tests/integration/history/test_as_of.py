"""Users as of a time are those that the collection had at that time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from bson import MaxKey, MinKey, ObjectId
from bson.timestamp import Timestamp
from pymongo.asynchronous.collection import AsyncCollection

from docustore.changes.dead_letters import key_bytes
from docustore.changes.horizon import read_horizon
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import NotFoundError, UserGoneError
from docustore.history.compaction import Order, compact
from docustore.history.past_list import DEFAULT_LIMITS, ReadLimits, list_past
from docustore.history.past_users import PastUsersOfHistory
from docustore.users.keyset import UserSort
from docustore.users.listing import ListQuery, UserFilter
from docustore.users.past import Doubt, PastPage
from docustore.users.profile import UserStatus
from docustore.users.views import user_view
from tests.integration.history.random_history import RandomHistory
from tests.listening import JOINED, following, make_user

Collection = AsyncCollection[dict[str, Any]]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
# Chunks that end within the rows of a user, and requests that end before their page is full.
SMALL = ReadLimits(first_chunk=2, chunk=7, request=12)
FILTERS = (
    UserFilter(),
    UserFilter(status=UserStatus.ACTIVE),
    UserFilter(role="admin", tag="x"),
    UserFilter(location="Oslo"),
    UserFilter(created_from=JOINED.replace(day=5), created_before=JOINED.replace(day=20)),
)


async def all_pages(
    database: Database, which: UserFilter, *, as_of: datetime, sort: UserSort, limits: ReadLimits
) -> list[Any]:
    horizon, cursor, found = await read_horizon(database), None, []
    while True:
        query = ListQuery(which=which, sort=sort, limit=4, cursor=cursor)
        page = await list_past(database, horizon, query, as_of=as_of, limits=limits)
        assert len(page.users) <= 4
        found += [user_view(user) for user in page.users]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def stored_copies(database: Database, made: RandomHistory) -> dict[datetime, Collection]:
    """Store each copy, so that MongoDB itself filters it."""
    found = {as_of: database[f"copy_{number}"] for number, as_of in enumerate(made.copies)}
    for as_of, copy in made.copies.items():
        await found[as_of].insert_many(copy)
    return found


async def expected(copy: Collection, which: UserFilter, *, sort: UserSort) -> list[Any]:
    direction = 1 if sort is UserSort.OLDEST else -1
    return [user_view(user) async for user in copy.find(which.as_query()).sort("_id", direction)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_list_as_of_equals_a_copy(database: Database, settings: Settings, seed: int) -> None:
    """Also after a compaction, and with chunks that end within the rows of a user."""
    made = RandomHistory(database=database, random=Random(seed))
    async with following(database, settings):
        await wait_until_applied(database)
        for _ in range(3):
            await made.change(20)
            await made.copy()
        await wait_until_applied(database)

    copies = await stored_copies(database, made)
    assert await differences(database, copies, DEFAULT_LIMITS) == []
    horizon = await read_horizon(database)
    later = datetime.now(UTC) + timedelta(days=1)
    done = await compact(database, Order(older_than=later, seq=horizon.seq))
    assert done.compacted > 10
    assert await differences(database, copies, SMALL) == []


async def differences(database: Database, copies: Mapping[datetime, Collection], limits: ReadLimits) -> list[Any]:
    found = []
    for as_of, copy in copies.items():
        for index, which in enumerate(FILTERS):
            sort = (UserSort.OLDEST, UserSort.NEWEST)[index % 2]
            past = await all_pages(database, which, as_of=as_of, sort=sort, limits=limits)
            if past != await expected(copy, which, sort=sort):
                found.append((as_of, which))
    return found


@pytest.mark.parametrize("seed", [3])
async def test_user_as_of_equals_its_copy(database: Database, settings: Settings, seed: int) -> None:
    made = RandomHistory(database=database, random=Random(seed))
    async with following(database, settings):
        await wait_until_applied(database)
        for _ in range(3):
            await made.change(12)
            await made.copy()
        await wait_until_applied(database)
    past_users = PastUsersOfHistory(database, read_horizon)
    ids = await database["user_history"].distinct("user_id")

    for as_of, copy in made.copies.items():
        present = {user["_id"]: user for user in copy}
        for user_id in ids:
            assert await answer(past_users, user_id, as_of) == state_in(present.get(user_id)), (user_id, as_of)


async def answer(past_users: PastUsersOfHistory, user_id: Any, as_of: datetime) -> Any:
    try:
        found = await past_users.find(str(user_id), as_of=as_of)
    except (NotFoundError, UserGoneError):
        return None
    return user_view(found.user)


def state_in(user: Any) -> Any:
    return None if user is None or user["deleted_at"] is not None else user_view(user)


def row(number: int, user_id: Any, at: datetime, after: Any, **fields: Any) -> dict[str, Any]:
    return {
        "_id": number, "event_id": str(number), "user_id": user_id, "operation": "update", "changes": {},
        "after": after, "valid_from": at, "cluster_time": Timestamp(number, 1), "source": "etl:crm", **fields,
    }  # fmt: skip


async def with_rows(database: Database, rows: list[dict[str, Any]], **position: Any) -> PastUsersOfHistory:
    await database["user_history"].insert_many(rows)
    at = {"cluster_time": Timestamp(int(NOON.timestamp()) + 3600, 1), "state": "streaming", **position}
    await database["change_positions"].insert_one({"_id": "users", "seq": len(rows), "fence": 1, **at})
    return PastUsersOfHistory(database, read_horizon)


async def test_clock_that_stepped_back_hides_no_change(database: Database) -> None:
    """The last change by number counts, also if its time is before that of the change before it."""
    user = make_user()
    late, early = NOON + timedelta(seconds=2), NOON
    past_users = await with_rows(
        database,
        [
            row(1, user["_id"], late, user),
            row(2, user["_id"], early, user | {"version": 2}),
            row(3, ObjectId(), late, make_user()),
        ],
    )

    for moment in (late, late + timedelta(days=1)):
        assert (await past_users.find(str(user["_id"]), as_of=moment)).user["version"] == 2
        [found] = [u for u in (await listed(past_users, moment)).users if u["_id"] == user["_id"]]
        assert found["version"] == 2


async def test_rows_of_another_partition_may_come_later(database: Database) -> None:
    """Numbers follow the time within a user, not between users."""
    one, other = make_user(), make_user()
    past_users = await with_rows(
        database,
        [row(n, one["_id"], NOON + timedelta(minutes=n), one | {"version": n}) for n in range(1, 20)]
        + [row(19 + n, other["_id"], NOON + timedelta(minutes=n), other | {"version": n}) for n in range(1, 20)],
    )
    moment = NOON + timedelta(minutes=7, seconds=30)

    assert [(await past_users.find(str(u["_id"]), as_of=moment)).user["version"] for u in (one, other)] == [7, 7]
    assert [user["version"] for user in (await listed(past_users, moment)).users] == [7, 7]


async def listed(past_users: PastUsersOfHistory, moment: datetime) -> PastPage:
    return await past_users.list(ListQuery(which=UserFilter()), as_of=moment)


async def test_user_before_its_snapshot_is_not_known(database: Database) -> None:
    user = make_user()
    past_users = await with_rows(database, [row(1, user["_id"], NOON, user, operation="snapshot")])
    before = NOON - timedelta(days=1)

    with pytest.raises(NotFoundError, match="its history begins at 2026-05-01T12:00:00"):
        await past_users.find(str(user["_id"]), as_of=before)
    page = await listed(past_users, before)

    assert (page.users, page.doubts) == ([], {Doubt.BEFORE_HISTORY})


@pytest.mark.parametrize("sort", UserSort)
async def test_ids_of_all_types_are_listed(database: Database, sort: UserSort) -> None:
    """A chunk ends at each of them, also at the least and at the greatest one."""
    ids = [MinKey(), 1, "abc", ObjectId(), True, MaxKey()]
    rows = [row(number, each, NOON, make_user(_id=each)) for number, each in enumerate(ids, 1)]
    await with_rows(database, rows)

    found = await all_pages(database, UserFilter(), as_of=NOON, sort=sort, limits=SMALL)

    assert len(found) == len(ids)


async def test_approximate_state_is_told(database: Database) -> None:
    user = make_user()
    past_users = await with_rows(database, [row(1, user["_id"], NOON, user, approximate=True)])

    assert (await past_users.find(str(user["_id"]), as_of=NOON)).doubts == {Doubt.APPROXIMATE}
    assert (await listed(past_users, NOON)).doubts == {Doubt.APPROXIMATE}


async def test_state_within_a_gap_is_told(database: Database) -> None:
    user = make_user()
    past_users = await with_rows(database, [row(1, user["_id"], NOON, user)])
    second = int(NOON.timestamp())
    await database["change_gaps"].insert_one(
        {"_id": "gap", "lost_after": Timestamp(second + 10, 1), "resumed_at": Timestamp(second + 20, 1)}
    )

    doubts = [
        (await past_users.find(str(user["_id"]), as_of=NOON + timedelta(seconds=seconds))).doubts
        for seconds in (5, 15, 30)
    ]

    assert doubts == [frozenset(), {Doubt.GAP}, frozenset()]


@pytest.mark.parametrize(
    ("state", "doubt"),
    [("failed", Doubt.PENDING), ("held", Doubt.PENDING), ("skipped", Doubt.GAP), ("superseded", Doubt.GAP)],
)
async def test_change_without_a_row_is_told(database: Database, state: str, doubt: Doubt) -> None:
    """A dead letter of the user lies between the row and the moment."""
    user, other = make_user(), make_user()
    later = NOON + timedelta(seconds=20)
    past_users = await with_rows(
        database,
        [
            row(1, user["_id"], NOON, user),
            row(2, other["_id"], NOON, other),
            row(3, user["_id"], later, user | {"version": 3}),
        ],
    )
    letter = {
        "_id": "82",
        "key": key_bytes(user["_id"]),
        "state": state,
        "wall_time": NOON + timedelta(seconds=10),
    }
    await database["change_dead_letters"].insert_one(letter)

    async def doubts(of: Any, seconds: int) -> frozenset[Doubt]:
        return (await past_users.find(str(of["_id"]), as_of=NOON + timedelta(seconds=seconds))).doubts

    assert [await doubts(user, seconds) for seconds in (5, 15, 30)] == [frozenset(), {doubt}, frozenset()]
    assert await doubts(other, 15) == frozenset()
    assert (await listed(past_users, NOON + timedelta(seconds=15))).doubts == {doubt}
    assert (await listed(past_users, NOON + timedelta(seconds=5))).doubts == frozenset()


async def test_rows_that_are_not_committed_are_not_read(database: Database) -> None:
    user, foreign = make_user(), make_user()
    past_users = await with_rows(database, [row(1, user["_id"], NOON, user)])
    await database["user_history"].insert_one(row(2, foreign["_id"], NOON, foreign))
    await database["user_history"].insert_one(row(3, user["_id"], NOON, user | {"version": 7}))

    with pytest.raises(NotFoundError):
        await past_users.find(str(foreign["_id"]), as_of=NOON)
    assert [found["version"] for found in (await listed(past_users, NOON)).users] == [1]


@pytest.mark.parametrize(
    ("position", "doubts"),
    [
        ({}, set()),
        ({"cluster_time": Timestamp(int(NOON.timestamp()), 1)}, {Doubt.PENDING}),
        ({"state": "snapshotting"}, {Doubt.PENDING}),
    ],
)
async def test_state_beyond_the_position_is_pending(
    database: Database, position: dict[str, Any], doubts: set[Doubt]
) -> None:
    user = make_user()
    past_users = await with_rows(database, [row(1, user["_id"], NOON, user)], **position)

    assert (await past_users.find(str(user["_id"]), as_of=NOON)).doubts == doubts
