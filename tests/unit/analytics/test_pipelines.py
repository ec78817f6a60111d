"""The full aggregation: what it asks of the server, and how its groups add up."""

from docustore.analytics.marts import UserMarts
from docustore.analytics.pipelines import marts_from_groups, marts_pipeline


def test_no_groups_are_no_users() -> None:
    assert marts_from_groups([]) == UserMarts()


def test_groups_of_one_status_or_day_add_up() -> None:
    groups = [
        {"_id": {"status": "active", "day": "2024-05-01"}, "users": 3, "seconds": 90},
        {"_id": {"status": "active", "day": "2024-05-02"}, "users": 2, "seconds": 70},
        {"_id": {"status": "inactive", "day": "2024-05-02"}, "users": 4, "seconds": 50},
        {"_id": {"status": "inactive", "day": None}, "users": 5, "seconds": None},
    ]

    assert marts_from_groups(groups) == UserMarts(
        total=14,
        dated=9,
        created_at_sum_s=210,
        by_status={"active": 5, "inactive": 9},
        registrations={"2024-05-01": 3, "2024-05-02": 6},
    )


def test_group_counts_users_and_sums_whole_seconds() -> None:
    [group] = [stage["$group"] for stage in marts_pipeline() if "$group" in stage]

    assert group["users"] == {"$sum": 1}
    assert group["seconds"] == {"$sum": {"$toLong": {"$floor": {"$divide": [{"$toLong": "$registered"}, 1000]}}}}
