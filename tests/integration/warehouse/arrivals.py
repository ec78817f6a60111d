"""Records of one person in any order, and the spans that they mean."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from docustore.etl.transform import UserRecord
from tests.unit.etl.generated import mapped

START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
Span = tuple[str, str, int, int | None]


def random_records(random: Random, *, person: str) -> list[dict[str, Any]]:
    """Make versions and ends of one to three records, with ties of all kinds."""
    records: list[dict[str, Any]] = []
    for source in random.sample(["crm", "crm2", "hr"], random.choice([1, 1, 2, 3])):
        for _ in range(random.choice([1, 2, 3, 4])):
            at = START + timedelta(hours=random.randint(0, 7))
            record = {"source": source, "id": person, "modified_at": at.isoformat()}
            if random.random() < 0.25:
                records.append({**record, "deleted": True})
            else:
                status, name = random.choice(["active", "inactive", "BLOCKED"]), random.choice(["Ada", "Al", "Bo"])
                email = f"{person}@example.org"
                records.append({**record, "email": email, "status": status, "first_name": name})
    return records


def meant_spans(records: Sequence[UserRecord]) -> list[Span]:
    """Say for each hour what the newest records until then make of the user."""
    hours = sorted({_hour(record) for record in records})
    states = [(hour, _state([record for record in records if _hour(record) <= hour])) for hour in hours]
    begins = [states[0], *(two for one, two in pairwise(states) if one[1] != two[1])]
    ends = [*(hour for hour, _ in begins[1:]), None]
    return [(*state, hour, end) for (hour, state), end in zip(begins, ends, strict=True) if state is not None]


def _state(records: Sequence[UserRecord]) -> tuple[str, str] | None:
    newest, live = [], []
    for key in {record.key for record in records}:
        own = [record for record in records if record.key == key]
        versions = [(record.modified_at, record.hash, record) for record in own if record.values is not None]
        if not versions:
            continue
        at, _, version = max(versions, key=lambda each: each[:2])
        newest.append((at, *key.split(":"), version))
        if all(record.modified_at < at for record in own if record.values is None):
            live.append(newest[-1])
    if not newest:
        return None
    values = max(live or newest, key=lambda each: each[:3])[3].values or {}
    return (values["status"] if live else "inactive"), values["first_name"]


def _hour(record: UserRecord) -> int:
    return int((record.modified_at - START) / timedelta(hours=1))


def batches(random: Random, records: Sequence[dict[str, Any]]) -> list[list[UserRecord]]:
    """Cut the records into batches of any size, in any order; some come twice."""
    shuffled = [mapped(record) for record in random.sample(records, len(records))]
    shuffled += random.sample(shuffled, random.choice([0, 0, 1]) if len(shuffled) > 1 else 0)
    found: list[list[UserRecord]] = []
    for record in shuffled:
        if not found or random.random() < 0.5:
            found.append([])
        found[-1].append(record)
    return found
