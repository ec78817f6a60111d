"""What the whole reading says about records without modification times."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from docustore.etl import observed as observed_module
from docustore.etl.observed import Observed
from tests.unit.etl.generated import mapped
from tests.unit.etl.memory_store import NOW

ADA = {"id": 1, "email": "ada@example.org"}
BLOCKED = {**ADA, "status": "blocked"}
GONE = {"id": 1, "deleted": True}
BEFORE = NOW - timedelta(hours=1)
TIMED = {"modified_at": BEFORE.isoformat()}


def stored(record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"key": "crm:1", "modified_at": BEFORE, "hash": mapped(record).hash, **fields}


RIVAL = [mapped(ADA).hash]


@pytest.mark.parametrize(
    ("records", "identity", "is_settled"),
    [
        ([ADA], None, False),
        ([ADA], stored(ADA), False),
        ([ADA], stored(BLOCKED), False),
        ([ADA], stored(BLOCKED, rivals=RIVAL), True),
        ([ADA, BLOCKED], stored(BLOCKED, rivals=RIVAL), False),
        ([BLOCKED, ADA], stored(BLOCKED, rivals=RIVAL), False),
        ([ADA], stored(BLOCKED, rivals=RIVAL, modified_at=NOW), False),
        ([ADA], stored(ADA, deleted_at=BEFORE), True),
        ([GONE, ADA], stored(ADA, deleted_at=BEFORE), False),
        ([ADA, GONE], stored(ADA, deleted_at=BEFORE), False),
        ([{**ADA, **TIMED}], stored(ADA, deleted_at=BEFORE), False),
        ([ADA, {**GONE, **TIMED}], stored(ADA, deleted_at=BEFORE), True),
    ],
)
def test_version_counts_if_its_replacement_is_missing(
    records: list[dict[str, Any]], identity: dict[str, Any] | None, *, is_settled: bool
) -> None:
    observed = Observed()

    for record in records:
        observed.note(mapped(record), identity)

    assert [record.hash for record in observed.settled() if record.is_settled] == RIVAL * is_settled


def test_same_version_twice_is_settled_once() -> None:
    observed = Observed()

    for _ in range(2):
        observed.note(mapped(ADA), stored(BLOCKED, rivals=RIVAL))

    assert len(observed.settled()) == 1


FULL = [f"2:{number:024}" for number in range(8)]


@pytest.mark.parametrize(
    ("others", "rivals", "is_held", "settled_at"),
    [
        ([], FULL, True, NOW),
        ([BLOCKED], FULL, True, BEFORE),
        ([GONE], FULL, True, BEFORE),
        ([], FULL[:7], False, None),
    ],
)
def test_unknown_version_of_a_full_identity_waits_for_the_whole_reading(
    others: list[dict[str, Any]], rivals: list[str], settled_at: datetime | None, *, is_held: bool
) -> None:
    """It may be a forgotten one. Beside the stored version, it is compared as one of the same time."""
    observed = Observed()
    identity = stored(BLOCKED, rivals=rivals)

    assert observed.note(mapped(ADA), identity) is is_held
    for other in others:
        assert observed.note(mapped(other), identity) is False

    assert [(record.hash, record.modified_at) for record in observed.settled()] == [
        (RIVAL[0], at) for at in (settled_at,) if at is not None
    ]


def test_number_of_unknown_versions_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it, a version counts at once."""
    monkeypatch.setattr(observed_module, "MAX_UNKNOWN", 1)
    observed = Observed()
    identity = stored(BLOCKED, rivals=FULL)

    held = [observed.note(mapped({**ADA, "first_name": name}), identity) for name in ("A", "A", "B")]

    assert held == [True, True, False]
