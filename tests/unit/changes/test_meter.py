"""What the listener counts of its own work."""

from time import perf_counter
from typing import Any

import msgspec

from docustore.changes.effects.batch import BatchEffects
from docustore.changes.meter import REGISTRY, note_commit, note_letter
from docustore.history.models import Operation
from tests.unit.changes.make import make_change


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted(changes: list[Any]) -> BatchEffects:
    batch = BatchEffects((), seq=0)
    batch.add(changes)
    return batch


def test_commit_counts_its_changes_once() -> None:
    name = "docustore_changes_events_total"
    events = {each: value(name, operation=each, result="applied") for each in ("insert", "update")}
    commits, size = value("docustore_changes_commit_seconds_count"), value("docustore_changes_batch_events_sum")

    note_commit({Operation.INSERT: 3, Operation.UPDATE: 2}, began_at=perf_counter())
    note_commit({}, began_at=perf_counter())

    assert value(name, operation="insert", result="applied") == events["insert"] + 3
    assert value(name, operation="update", result="applied") == events["update"] + 2
    assert value("docustore_changes_commit_seconds_count") == commits + 1
    assert value("docustore_changes_batch_events_sum") == size + 5


def test_letter_is_counted_by_its_state() -> None:
    before = value("docustore_changes_events_total", operation="update", result="held")

    note_letter(Operation.UPDATE, "held")

    assert value("docustore_changes_events_total", operation="update", result="held") == before + 1


def test_batch_knows_its_operations_and_result() -> None:
    change = make_change("update")

    whole = counted([change, change])
    reduced = counted([msgspec.structs.replace(change, is_reduced=True)])

    assert (whole.operations, whole.result) == ({change.operation: 2}, "applied")
    assert (reduced.operations, reduced.result) == ({change.operation: 1}, "reduced")
