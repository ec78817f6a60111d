"""What can be read of a record that cannot be loaded."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.mapping.settings import FieldMap
from docustore.etl.recognise import recognise
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import to_user_record
from tests.unit.etl.memory_store import RULES


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"id": 7, "email": "nobody"}, "crm:7"),
        ({"id": "", "externalId": " x7 ", "email": 5}, "crm:x7"),
        ({"id": 0}, "crm:0"),
        ({"email": " Ada@Example.org"}, "crm:ada@example.org"),
        ({"email": "nobody"}, None),
        ({"email": 5}, None),
        ({"id": [7], "email": "ada@example.org"}, None),
        ({"id": True}, None),
        ({"id": "x" * 301}, None),
        ({"id": "x" * 300}, f"crm:{'x' * 300}"),
        ({"id": "\u0000"}, None),
        ({}, None),
    ],
)
def test_identity_is_read_where_the_record_has_one(record: dict[str, Any], key: str | None) -> None:
    assert recognise(json.dumps(record).encode(), source="crm").identity_key == key


@pytest.mark.parametrize(
    ("record", "time"),
    [
        ({"modified_at": "2026-01-02T03:04:05.6789Z"}, datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)),
        ({"modified_at": "", "updatedAt": 1767225600}, datetime(2026, 1, 1, tzinfo=UTC)),
        ({"modified_at": "soon"}, None),
        ({"modified_at": "0001-01-01"}, None),
        ({}, None),
    ],
)
def test_time_is_read_where_the_record_has_one(record: dict[str, Any], time: datetime | None) -> None:
    assert recognise(json.dumps(record).encode(), source="crm").modified_at == time


@pytest.mark.parametrize("raw", [b"", b"[1]", b'{"id": 7', b"\xff"])
def test_text_that_is_no_object_has_no_identity(raw: bytes) -> None:
    assert recognise(raw, source="crm").identity_key is None


def test_rejected_record_says_who_it_is() -> None:
    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(b'{"id": 7, "email": "nobody", "modified_at": "2026-01-01T00:00:00Z"}', RULES)

    assert (rejected.value.identity_key, rejected.value.modified_at) == ("crm:7", datetime(2026, 1, 1, tzinfo=UTC))


def test_identity_is_read_through_the_mapping() -> None:
    fields = {"id": FieldMap(source=("Personalnummer",)), "email": FieldMap(source=("Mail",))}
    raw = json.dumps({"Personalnummer": 7, "Mail": "not an address", "id": "not this one"}).encode()

    assert recognise(raw, source="hr", mapping=RecordMapping(fields)).identity_key == "hr:7"
