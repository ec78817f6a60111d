"""When a source is overdue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.etl.freshness import overdue_at
from docustore.source_settings import SourceSettings

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def source(**fields: Any) -> SourceSettings:
    return SourceSettings(kind="file", url="users.json", **fields)


@pytest.mark.parametrize(
    ("schedule", "limit"),
    [
        ("hourly", timedelta(minutes=90)),
        ("every 6h", timedelta(hours=8)),
        ("every 15m", timedelta(minutes=25)),
        ("every 4h", timedelta(hours=6)),
        ("daily", timedelta(hours=14)),
    ],
)
def test_limit_is_half_a_slot_after_the_next_slot(schedule: str, limit: timedelta) -> None:
    """At least ten minutes, at most two hours."""
    assert overdue_at(source(schedule=schedule), known=[NOON]) == NOON + limit


def test_own_limit_replaces_the_derived_one() -> None:
    assert overdue_at(source(overdue_after_s=60), known=[NOON]) == NOON + timedelta(seconds=60)
    assert overdue_at(source(overdue_after_s=60, schedule="off"), known=[NOON]) == NOON + timedelta(seconds=60)


def test_waiting_is_counted_from_the_latest_known_time() -> None:
    known = [NOON - timedelta(hours=3), None, NOON, NOON - timedelta(hours=1)]

    assert overdue_at(source(), known=known) == NOON + timedelta(minutes=90)


@pytest.mark.parametrize(("schedule", "known"), [("hourly", [None, None]), ("hourly", []), ("off", [NOON])])
def test_source_without_schedule_or_start_is_never_overdue(schedule: str, known: list[datetime | None]) -> None:
    assert overdue_at(source(schedule=schedule), known=known) is None
