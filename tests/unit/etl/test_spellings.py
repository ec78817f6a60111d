"""Every documented name of a field is read in both spellings, `modified_at` and `modifiedAt`."""

import json
import re
from typing import Any

import pytest

from docustore.etl.records import ID_NAMES, MODIFIED_NAMES
from docustore.etl.transform import to_user_record
from docustore.users.fields import FIELDS
from tests.unit.etl.memory_store import RULES

NAMES = sorted({*ID_NAMES, *MODIFIED_NAMES, *(name for field in FIELDS for name in field.wire_names)})
DAY = "2026-01-02T00:00:00Z"


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found.group().lower()}", name)


def camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found.group(1).upper(), name)


@pytest.mark.parametrize("name", NAMES)
def test_both_spellings_of_a_name_are_known(name: str) -> None:
    assert {snake(name), camel(name)} <= set(NAMES)


@pytest.mark.parametrize("name", MODIFIED_NAMES)
@pytest.mark.parametrize("given", [DAY, 1767312000])
def test_every_spelling_of_the_modification_time_counts(name: str, given: Any) -> None:
    """An ignored time would let older data overwrite newer data."""
    record = to_user_record(json.dumps({"id": 1, "email": "ada@example.org", name: given}).encode(), RULES)

    assert (record.modified_at.isoformat(), record.is_time_observed) == ("2026-01-02T00:00:00+00:00", False)
