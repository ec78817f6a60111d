"""Which changes are events, and who wants them."""

from typing import Any

import pytest

from docustore.changes.subscriptions import (
    EventKind,
    Subscription,
    changed_paths,
    kind_of,
    outbox_rows,
    row_id,
    subscription_of,
)
from docustore.history.models import Operation
from tests.unit.changes.make import WALL_TIME, make_change

ADA: dict[str, Any] = {"_id": 1, "status": "active", "email": "ada@example.org", "deleted_at": None, "version": 1}
GONE = {**ADA, "deleted_at": 5}
ALL = Subscription(destination="webhook:a")


@pytest.mark.parametrize(
    ("operation", "before", "after", "expected"),
    [
        ("insert", None, ADA, EventKind.INSERT),
        ("update", ADA, ADA, EventKind.UPDATE),
        ("replace", ADA, ADA, EventKind.UPDATE),
        ("delete", ADA, None, EventKind.DELETE),
        ("update", ADA, GONE, EventKind.DELETE),
        ("update", GONE, ADA, EventKind.RESTORE),
        ("update", GONE, GONE, None),
        ("delete", GONE, None, None),
        ("insert", None, GONE, None),
        ("snapshot", None, ADA, None),
        ("recovered", None, ADA, EventKind.INSERT),
        ("recovered", ADA, ADA, EventKind.UPDATE),
        ("recovered", ADA, None, EventKind.DELETE),
    ],
)
def test_event_is_what_clients_see(operation: str, before: Any, after: Any, expected: EventKind | None) -> None:
    """A user marked as deleted is gone for clients; its bookkeeping is no event."""
    assert kind_of(Operation(operation), before=before, after=after) is expected


@pytest.mark.parametrize(
    ("operation", "after", "expected"),
    [("update", ADA, EventKind.UPDATE), ("insert", ADA, EventKind.INSERT), ("delete", None, EventKind.DELETE)],
)
def test_unknown_state_before_leaves_the_operation(operation: str, after: Any, expected: EventKind) -> None:
    assert kind_of(Operation(operation), before=None, after=after, is_before_known=False) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"email": {"before": "a", "after": "b"}}, ["email"]),
        ({"tags": {"after": ["x"]}}, ["tags"]),
        ({"profile": {"before": {"location": "a"}, "after": {"location": "b"}}}, ["profile.location"]),
        ({"profile": {"before": {}, "after": {"bio": "b"}}}, ["profile.bio"]),
        (
            {"profile": {"before": {"preferences": {"theme": "a"}}, "after": {"preferences": {"theme": "b"}}}},
            ["profile.preferences.theme"],
        ),
        ({"profile": {"before": {"location": "a"}, "after": None}}, ["profile"]),
        ({"profile": {"omitted": True}}, ["profile"]),
        ({"profile": {"before": {}, "after": {}}}, ["profile"]),
    ],
)
def test_paths_name_the_changed_values(changes: dict[str, Any], expected: list[str]) -> None:
    assert list(changed_paths(changes)) == expected


@pytest.mark.parametrize(
    ("filter_", "kind", "status", "changed", "expected"),
    [
        ({}, EventKind.UPDATE, "active", [], True),
        ({"operations": ["insert"]}, EventKind.UPDATE, "active", [], False),
        ({"operations": ["insert", "update"]}, EventKind.UPDATE, "active", [], True),
        ({"statuses": ["suspended"]}, EventKind.INSERT, "active", [], False),
        ({"statuses": ["active"]}, EventKind.INSERT, "active", [], True),
        ({"fields": ["email"]}, EventKind.UPDATE, "active", ["tags"], False),
        ({"fields": ["email"]}, EventKind.UPDATE, "active", ["tags", "email"], True),
        ({"fields": ["email"]}, EventKind.INSERT, "active", [], True),
        ({"fields": ["profile"]}, EventKind.UPDATE, "active", ["profile.location"], True),
        ({"fields": ["profile.location"]}, EventKind.UPDATE, "active", ["profile"], True),
        ({"fields": ["profile.location"]}, EventKind.UPDATE, "active", ["profile.bio"], False),
        ({"fields": ["pro"]}, EventKind.UPDATE, "active", ["profile"], False),
    ],
)
def test_filter_chooses_events(
    filter_: dict[str, Any], kind: EventKind, status: str, changed: list[str], expected: bool
) -> None:
    subscription = subscription_of({"_id": "webhook:a", **filter_})

    assert subscription.wants(kind, status=status, changed=changed) is expected


def test_rows_are_numbered_densely_and_per_destination() -> None:
    changes = [
        make_change("insert", after=ADA),
        make_change("update", before=ADA, after={**ADA, "tags": ["x"]}),
        make_change("delete", before=GONE),
        make_change("delete", before=ADA),
    ]
    wanted = [ALL, subscription_of({"_id": "handler:b", "operations": ["delete"]})]

    rows = outbox_rows(changes, wanted, first=41)

    assert [(row["destination"], row["number"], row["kind"]) for row in rows] == [
        ("webhook:a", 41, "insert"),
        ("webhook:a", 42, "update"),
        ("webhook:a", 44, "delete"),
        ("handler:b", 44, "delete"),
    ]


def test_row_has_its_state_lane_and_times() -> None:
    [row] = outbox_rows([make_change("insert", after=ADA)], [ALL], first=7)

    at = row.pop("at")
    assert at.timestamp() * 1000 // 1000 is not None
    assert row == {
        "_id": "webhook:a:000000000000007",
        "destination": "webhook:a",
        "number": 7,
        "kind": "insert",
        "user_id": 1,
        "lane": 1,
        "state": "pending",
        "attempts": 0,
        "fence": 0,
        "queued_at": at,
        "due_at": at,
    }
    assert int(WALL_TIME) > 0


def test_one_lane_holds_all_users() -> None:
    subscription = subscription_of({"_id": "stream", "is_one_lane": True})

    [row] = outbox_rows([make_change("insert", after=ADA)], [subscription], first=1)

    assert (row["lane"], row["user_id"]) == (None, 1)


def test_filter_by_field_and_status_reads_the_images() -> None:
    before, after = {**ADA, "status": "suspended"}, {**ADA, "email": "new@example.org"}
    change = make_change("update", before=before, after=after)
    by = {name: subscription_of({"_id": name, **filter_}) for name, filter_ in FILTERS.items()}

    rows = outbox_rows([change], list(by.values()), first=1)

    assert [row["destination"] for row in rows] == ["email", "active"]


FILTERS: dict[str, dict[str, Any]] = {
    "email": {"fields": ["email"]},
    "tags": {"fields": ["tags"]},
    "active": {"statuses": ["active"]},
    "suspended": {"statuses": ["suspended"]},
}


def test_status_of_a_removed_user_is_its_last() -> None:
    subscription = subscription_of({"_id": "a", "statuses": ["suspended"]})

    rows = outbox_rows([make_change("delete", before={**ADA, "status": "suspended"})], [subscription], first=1)

    assert len(rows) == 1


def test_ids_sort_by_number() -> None:
    assert sorted([row_id("a", 10), row_id("a", 9), row_id("a", 123_456)]) == [
        row_id("a", 9),
        row_id("a", 10),
        row_id("a", 123_456),
    ]
