"""Records that go through a mapping."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import UserRecord, to_user_record
from docustore.source_settings import SourceSettings
from tests.unit.etl.memory_store import RULES

Map = dict[str, Any]
BASE: Map = {"id": "Nr", "email": "E-Mail"}
ADA: dict[str, Any] = {"Nr": 7, "E-Mail": "Ada@x.org"}


def mapping(fields: Map, hook: Callable[[dict[str, Any]], Any] | None = None) -> RecordMapping:
    settings = SourceSettings.model_validate({"kind": "file", "url": "people.csv", "map": fields})
    return RecordMapping(settings.map, hook)


def load(fields: Map, record: Map, hook: Callable[[dict[str, Any]], Any] | None = None) -> UserRecord:
    rules = replace(RULES, mapping=mapping({**BASE, **fields}, hook))
    return to_user_record(json.dumps({**ADA, **record}).encode(), rules)


def values(fields: Map, record: Map, hook: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
    loaded = load(fields, record, hook).values
    assert loaded is not None
    return loaded


def reasons(
    fields: Map, record: Map, hook: Callable[[dict[str, Any]], Any] | None = None
) -> list[tuple[str, str]]:
    with pytest.raises(RecordRejectedError) as rejected:
        load(fields, record, hook)
    return [(error.pointer, error.code) for error in rejected.value.errors]
