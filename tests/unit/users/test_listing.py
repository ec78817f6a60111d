"""Filters and pages of users, as values; no server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import MinKey, ObjectId

from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, Position, decode_cursor
from docustore.users.keyset import Place, UserSort, after
from docustore.users.listing import ESTIMATE_CAP, UserFilter, page_of
from docustore.users.profile import UserStatus

AT = datetime(2026, 1, 2, tzinfo=UTC)
ID = ObjectId("6b03670836d3f4af790854b3")
BOUND = ("users", "-created_at")
FIRST = datetime(1, 1, 1, tzinfo=UTC)


def test_limits_are_those_of_the_contract() -> None:
    assert (DEFAULT_LIMIT, MAX_LIMIT, ESTIMATE_CAP) == (20, 100, 10_001)


@pytest.mark.parametrize(
    ("which", "query"),
    [
        (UserFilter(), {}),
        (UserFilter(status=UserStatus.SUSPENDED), {"status": "suspended"}),
        (UserFilter(role="admin", tag="a"), {"roles": "admin", "tags": "a"}),
        (UserFilter(location="Oslo"), {"profile.location": "Oslo"}),
        (UserFilter(created_from=AT), {"created_at": {"$gte": AT}}),
        (UserFilter(created_after=AT, created_before=AT), {"created_at": {"$gt": AT, "$lt": AT}}),
        (UserFilter(created_until=AT), {"created_at": {"$lte": AT}}),
    ],
)
def test_filter_asks_for_what_is_given_only(which: UserFilter, query: dict[str, Any]) -> None:
    assert which.as_query() == {**query, "deleted_at": None}


@pytest.mark.parametrize("users", [0, 1, 2])
def test_page_that_is_not_overfull_is_the_last(users: int) -> None:
    found = [{"_id": n, "created_at": AT} for n in range(users)]

    assert page_of(found, limit=2, bound=BOUND) == (found, None)


def test_overfull_page_goes_on_after_its_last_user() -> None:
    found = [{"_id": ObjectId(), "created_at": AT} for _ in range(4)]

    page, cursor = page_of(found, limit=3, bound=BOUND)

    assert page == found[:3]
    assert decode_cursor(cursor or "", query=BOUND) == Position(at=AT, id=str(found[2]["_id"]))


IS_NO_LIST = {"$not": [{"$isArray": "$created_at"}]}


def tie(at: Any, beyond: str) -> dict[str, Any]:
    return {"created_at": {"$eq": at}, "$expr": {"$and": [{beyond: ["$_id", {"$literal": ID}]}, IS_NO_LIST]}}


def other(at: Any, beyond: str) -> dict[str, Any]:
    return {"$expr": {"$and": [{beyond: ["$created_at", {"$literal": at}]}, IS_NO_LIST]}}


@pytest.mark.parametrize(
    ("sort", "at", "branches"),
    [
        (UserSort.NEWEST, AT, [tie(AT, "$lt"), other(AT, "$lt")]),
        (UserSort.NEWEST, None, [tie(None, "$lt"), {"created_at": MinKey()}]),
        (UserSort.OLDEST, AT, [tie(AT, "$gt"), other(AT, "$gt")]),
        (UserSort.OLDEST, None, [tie(None, "$gt"), other(None, "$gt")]),
    ],
)
def test_page_after_a_place_is_a_union_of_index_ranges(
    sort: UserSort, at: datetime | None, branches: list[dict[str, Any]]
) -> None:
    rest = {"status": "active", "deleted_at": None}
    place = Place(at=at, id=ID)
    bounds = {"$gte": FIRST}

    unbounded = after(place, rest, sort=sort)
    bounded = after(place, {**rest, "created_at": bounds}, sort=sort)

    assert unbounded == {"$or": [{**rest, **branch} for branch in branches]}
    assert bounded == {"$or": [{**rest, "$and": [branch, {"created_at": bounds}]} for branch in branches]}


BOUNDS = {"created_from": AT, "created_after": AT, "created_before": AT, "created_until": AT}
USER: dict[str, Any] = {
    "status": "active", "roles": ["admin", "user"], "tags": ["a"], "profile": {"location": "Oslo"},
    "created_at": AT, "deleted_at": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("which", "matches"),
    [
        (UserFilter(), True),
        (UserFilter(status=UserStatus.ACTIVE, role="user", tag="a", location="Oslo"), True),
        (UserFilter(status=UserStatus.SUSPENDED), False),
        (UserFilter(role="guest"), False),
        (UserFilter(tag="b"), False),
        (UserFilter(location="Utrecht"), False),
        (UserFilter(created_from=AT), True),
        (UserFilter(created_until=AT), True),
        (UserFilter(created_after=AT), False),
        (UserFilter(created_before=AT), False),
    ],
)
def test_user_matches_as_in_the_store(which: UserFilter, *, matches: bool) -> None:
    assert which.matches(USER) is matches


@pytest.mark.parametrize("name", BOUNDS)
def test_bound_is_compared_in_milliseconds(name: str) -> None:
    """MongoDB stores no microseconds, neither in a user nor in a query."""
    exact, finer = (UserFilter(**{name: AT + timedelta(microseconds=us)}) for us in (0, 999))

    assert finer.matches(USER) is exact.matches(USER)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("created_at", [None, "2026", 5])
def test_user_without_a_time_is_in_no_range(name: str, created_at: object) -> None:
    assert not UserFilter(**{name: AT}).matches({**USER, "created_at": created_at})


def test_deleted_user_never_matches() -> None:
    assert not UserFilter().matches({**USER, "deleted_at": AT})


def test_value_of_another_client_matches_as_in_the_store() -> None:
    foreign = {"roles": "admin", "tags": None, "profile": "Oslo", "status": ["active"]}

    assert UserFilter(role="admin", status=UserStatus.ACTIVE).matches(foreign)
    assert not UserFilter(location="Oslo").matches(foreign)
    assert not UserFilter(tag="a").matches(foreign)
