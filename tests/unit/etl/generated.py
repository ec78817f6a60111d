"""Hypothesis strategies for upstream records that are hard to merge."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import RULES

_START = datetime(2026, 1, 1, tzinfo=UTC)
EMAILS = [f"{name}@example.org" for name in ("ada", "bob", "cyd")]


@st.composite
def upstream_records(draw: st.DrawFn) -> dict[str, Any]:
    """Few identities, e-mails and times, so that all kinds of collisions are common."""
    source = draw(st.sampled_from(["crm", "hr"]))
    record: dict[str, Any] = {
        "source": source,
        "id": draw(st.integers(1, 4)),
        "modified_at": (_START + timedelta(hours=draw(st.integers(0, 5)))).isoformat(),
    }
    if draw(st.integers(0, 5)) == 0:
        return {**record, "deleted": True}
    return {
        **record,
        "email": draw(st.sampled_from(EMAILS)),
        "first_name": draw(st.sampled_from(["Ada", "Bo"])),
        "status": draw(st.sampled_from(["active", "disabled", "BLOCKED"])),
        "roles": draw(st.sampled_from([[], ["a"], ["b", "a"]])),
        "created_at": (_START - timedelta(days=draw(st.integers(0, 3)))).isoformat(),
    }


def mapped(record: dict[str, Any]) -> UserRecord:
    """Parse and transform a generated record."""
    fields = {name: value for name, value in record.items() if name != "source"}
    rules = replace(RULES, source=record.get("source", "crm"))
    return to_user_record(json.dumps(fields).encode(), rules)
