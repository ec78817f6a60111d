from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from docustore.analytics.marts import Share, UserMarts, marts_of, share_of

MAY_1 = datetime(2024, 5, 1, 23, 59, 59, 999000, tzinfo=UTC)
MAY_1_MS = 1_714_607_999_999
# 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: the dates that a calendar can say.
FIRST_MS = -62_135_596_800_000
LAST_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("user", "share"),
    [
        ({"status": "inactive", "created_at": MAY_1}, Share("inactive", MAY_1_MS)),
        ({"status": "active", "created_at": DatetimeMS(MAY_1_MS)}, Share("active", MAY_1_MS)),
        ({}, Share("active", None)),
        ({"status": None}, Share("active", None)),
        ({"status": "$where.evil"}, Share("other", None)),
        ({"status": ["active"]}, Share("other", None)),
        ({"status": {"a": 1}}, Share("other", None)),
        ({"_id": ObjectId("65000000" + "0" * 16)}, Share("active", 0x65000000 * 1000)),
        ({"created_at": "2024-05-01", "_id": "string"}, Share("active", None)),
        ({"created_at": DatetimeMS(10**17)}, Share("active", None)),
        ({"created_at": DatetimeMS(-1)}, Share("active", -1)),
        ({"created_at": DatetimeMS(FIRST_MS)}, Share("active", FIRST_MS)),
        ({"created_at": DatetimeMS(FIRST_MS - 1)}, Share("active", None)),
        ({"created_at": DatetimeMS(LAST_MS)}, Share("active", LAST_MS)),
        ({"created_at": DatetimeMS(LAST_MS + 1)}, Share("active", None)),
        ({"_id": ObjectId("ffffffff" + "0" * 16)}, Share("active", -1000)),
        ({"deleted_at": None}, Share("active", None)),
        ({"deleted_at": MAY_1}, None),
    ],
)
def test_share_of_any_document(user: dict[str, Any], share: Share | None) -> None:
    assert share_of(user) == share


def test_counting_in_and_out_leaves_nothing() -> None:
    marts = UserMarts()

    marts.add(Share("active", MAY_1_MS), 1)
    marts.add(Share("active", MAY_1_MS), -1)

    assert marts.without_zeros() == UserMarts()


def test_registration_counts_for_its_utc_day() -> None:
    marts = UserMarts()

    marts.add(Share("active", MAY_1_MS), 1)
    marts.add(Share("active", -1), 1)

    assert marts.registrations == {"2024-05-01": 1, "1969-12-31": 1}
    assert marts.created_at_sum_s == 1_714_607_999 - 1


def test_sum_of_many_users_fits_into_64_bits() -> None:
    """A billion users of today: milliseconds would overflow at five million."""
    assert 1_000_000_000 * (MAY_1_MS // 1000) < 2**63


def test_missing_documents_read_as_zero() -> None:
    assert marts_of([]) == UserMarts()


def test_marts_are_read_as_they_are_stored() -> None:
    totals = {
        "_id": "users",
        "total": 2,
        "dated": 2,
        "created_at_sum_s": 9,
        "by_status": {"active": 2, "other": 0},
    }
    year = {"_id": "registrations:2024", "days": {"0501": 2, "0502": 0}}

    marts = marts_of([year, totals])

    assert marts == UserMarts(
        total=2,
        dated=2,
        created_at_sum_s=9,
        by_status={"active": 2},
        registrations={"2024-05-01": 2},
    )
