"""What a dry run reports of a batch plan."""

import json
from datetime import UTC, datetime
from typing import Any

from docustore.etl.classify import plan_batch
from docustore.etl.guards.diff import MAX_VALUE_CHARS, USERS_PER_OUTCOME, Diff, RunDiff
from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import RULES, MemoryStore

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def record(number: int, day: int = 1, **fields: Any) -> UserRecord:
    time = f"2026-01-{day:02}T00:00:00Z"
    wire = {"id": number, "email": f"u{number}@example.org", "modified_at": time, **fields}
    return to_user_record(json.dumps(wire).encode(), RULES)


def difference(before: list[UserRecord], records: list[UserRecord]) -> RunDiff:
    store = MemoryStore()
    store.load(before)
    diff = Diff()
    diff.note(plan_batch(records, list(store.users.values()), {}))
    return diff.result(run_id="r", source="crm", now=NOW)


def test_every_changed_field_has_its_values() -> None:
    new = record(1, 2, first_name="New", profile={"bio": "x", "preferences": {"theme": "dark"}}, roles=["a", "b"])

    found = difference([record(1, first_name="Old")], [new])

    [sample] = found.samples
    assert (sample.outcome, sample.email, sample.identities) == ("updated", "u1@example.org", ["crm:1"])
    assert [(change.field, change.before, change.after) for change in sample.fields] == [
        ("first_name", "Old", "New"),
        ("profile.bio", None, "x"),
        ("profile.preferences.theme", "light", "dark"),
        ("roles", None, "['a', 'b']"),
    ]
    assert found.users == {"updated": 1}
    assert found.fields["updated"]["profile.preferences.theme"] == 1


def test_each_outcome_has_its_users() -> None:
    gone = record(2, 2, deleted=True)
    moved = record(3, 2, email="u4@example.org")

    found = difference([record(n) for n in (1, 2, 3, 4)], [record(5), record(1, 2, last_name="X"), gone, moved])

    # The identity that moves leaves its user without any, so the user is merged away.
    assert found.users == {"inserted": 1, "updated": 2, "deactivated": 1, "merged": 1}
    [ended] = [sample for sample in found.samples if sample.outcome == "deactivated"]
    assert [(change.field, change.before, change.after) for change in ended.fields] == [
        ("status", "active", "inactive")
    ]
    [new] = [sample for sample in found.samples if sample.outcome == "inserted"]
    assert (new.user_id, new.fields[0].field, new.fields[0].before) == (None, "email", None)
    assert found.fields["updated"] == {"last_name": 1, "identities": 1}


def test_samples_are_few_and_counts_are_whole() -> None:
    found = difference([], [record(n, bio="b" * 9, profile={"bio": "x" * 900}) for n in range(300)])

    assert (len(found.samples), found.users["inserted"]) == (USERS_PER_OUTCOME, 300)
    assert found.fields["inserted"]["profile.bio"] == 300
    bios = [change.after for sample in found.samples for change in sample.fields if change.field == "profile.bio"]
    assert {len(bio) for bio in bios} == {MAX_VALUE_CHARS}
