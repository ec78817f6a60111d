"""The keys of a source that nothing reads."""

import json
from typing import Any

import pytest

from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.mapping.prepare import mapping_of
from docustore.etl.sources.csv_columns import record_of
from docustore.etl.unread import MAX_NAMES, Unread, sample_of, unread_names
from docustore.source_settings import SourceSettings
from docustore.users.fields import FIELDS


def names(*records: Any, mapping: RecordMapping | None = None) -> dict[str, int]:
    return dict(unread_names([json.dumps(record).encode() for record in records], mapping))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"id": 1, "email": "a", "department": "x", "modifiedAt": "", "deleted": False}, {"department": 1}),
        ({"profile": {"bio": "x", "phone": 1, "theme": "dark", "preferences": {"theme": 1, "x": 2}}},
         {"profile.phone": 1, "profile.preferences.x": 1}),
        ({"profile": "text"}, {}),
        ({"address": {"city": "Delft"}}, {"address": 1}),
        ({"department": "", "note": None}, {"department": 0, "note": 0}),
        ({"x" * 300: 1}, {"x" * 100: 1}),
        (["department"], {}),
    ],
)  # fmt: skip
def test_unread_keys_are_counted(record: Any, expected: dict[str, int]) -> None:
    assert names(record) == expected


def test_records_with_a_key_are_counted() -> None:
    assert names({"a": 1}, {"a": 2, "b": 3}, {"a": ""}) == {"a": 2, "b": 1}


def test_every_declared_name_is_read() -> None:
    for field in FIELDS:
        for name in field.wire_names:
            record: Any = {name: "x"}
            for part in reversed(field.path[:-1]):
                record = {part: record}
            assert names(record) == {}


def test_mapped_key_is_read() -> None:
    """The default key of a mapped field is not."""
    source = SourceSettings(kind="file", url="x", map={"last_name": "Name.Family"})

    found = names({"Name": {"Family": "x"}, "Phone": 1, "lastName": "y"}, mapping=mapping_of("hr", source))

    assert found == {"Phone": 1, "lastName": 1}


def test_empty_column_is_listed() -> None:
    record = record_of(("id", "email", "Phone"))(("1", "", ""))

    assert names(record) == {"Phone": 0}


def test_broken_record_has_no_keys() -> None:
    assert unread_names([b"{", b"\xff", b"{}"], None) == {}


@pytest.mark.parametrize(("is_first_page", "expected"), [(True, 200), (False, 20)])
def test_sample_is_bounded(expected: int, *, is_first_page: bool) -> None:
    assert len(sample_of([b"{}"] * 1000, is_first_page=is_first_page)) == expected


def test_samples_add_up() -> None:
    both = Unread().plus(2, {"a": 1, "b": 2}).plus(3, {"a": 5})

    assert both.sampled == 5
    assert [(each.name, each.records) for each in both.names] == [("a", 6), ("b", 2)]


def test_number_of_names_is_bounded() -> None:
    many = Unread().plus(1, {f"2026-{day}": 1 for day in range(MAX_NAMES)}).plus(1, {"2026-0": 1, "other": 1})

    assert len(many.names) == MAX_NAMES
    assert (many.names[0].name, many.names[0].records) == ("2026-0", 2)
