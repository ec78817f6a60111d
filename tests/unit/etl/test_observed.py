"""What the whole reading says about records without modification times."""

from datetime import timedelta
from typing import Any

import pytest

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
