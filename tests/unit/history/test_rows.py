from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.history.models import HistoryRow
from docustore.history.rows import MAX_ROW_BYTES, changed_fields, fitted, source_of


def test_first_image_has_no_changes() -> None:
    assert changed_fields(None, {"email": "a@example.org"}) == {}


def test_deletion_lists_what_was() -> None:
    before = {"_id": 1, "email": "a@example.org", "version": 3}

    assert changed_fields(before, None) == {"email": {"before": "a@example.org"}}


def test_changed_added_and_removed_fields() -> None:
    before = {"status": "active", "phone": "1", "roles": ["user"]}
    after = {"status": "inactive", "tags": ["x"], "roles": ["user"]}

    assert changed_fields(before, after) == {
        "status": {"before": "active", "after": "inactive"},
        "tags": {"after": ["x"]},
        "phone": {"before": "1"},
    }


def test_documents_are_reduced_to_differing_parts() -> None:
    before = {"profile": {"bio": "old", "location": "X", "preferences": {"theme": "light", "language": "en"}}}
    after = {"profile": {"bio": "new", "location": "X", "preferences": {"theme": "dark", "language": "en"}}}

    assert changed_fields(before, after) == {
        "profile": {
            "before": {"bio": "old", "preferences": {"theme": "light"}},
            "after": {"bio": "new", "preferences": {"theme": "dark"}},
        }
    }


@pytest.mark.parametrize("name", ["identities", "search_terms", "version", "updated_at", "updated_by"])
def test_bookkeeping_is_no_change(name: str) -> None:
    assert changed_fields({name: 1}, {name: 2}) == {}


@pytest.mark.parametrize(
    ("before", "after", "source"),
    [
        (None, {"updated_by": "etl:crm", "version": 1}, "etl:crm"),
        ({"version": 1}, {"updated_by": "api:k", "version": 2}, "api:k"),
        ({"version": 1, "updated_by": "api:k"}, {"updated_by": "api:k", "version": 1}, "external"),
        (None, {}, "external"),
        (None, {"updated_by": {"$set": 1}}, "external"),
        ({"updated_by": "api:k", "version": 1}, None, "external"),
    ],
)
def test_source_is_who_moved_the_version_on(before: Any, after: Any, source: str) -> None:
    assert source_of(before, after) == source


def _row(**fields: Any) -> HistoryRow:
    row: dict[str, Any] = {
        "_id": 1,
        "event_id": "82",
        "operation": "update",
        "user_id": 1,
        "changes": {},
        "after": {"_id": 1},
        "valid_from": None,
        "cluster_time": Timestamp(1, 1),
        "source": "external",
    }
    return row | fields  # type: ignore[return-value]


def test_row_that_fits_stays_as_it_is() -> None:
    row = _row()

    assert fitted(row) is row


def test_doubled_values_are_left_out_first() -> None:
    after = RawBSONDocument(bson.encode({"_id": 1, "blob": "x" * 10_000_000}))
    changes = {"blob": {"before": "y" * 10_000_000, "after": "x" * 10_000_000}, "status": {"after": "active"}}

    row = fitted(_row(after=after, changes=changes))

    assert row["changes"] == {"blob": {"omitted": True}, "status": {"after": "active"}}
    assert row["after"] is after
    assert "omitted" not in row


def test_largest_fields_are_left_out_and_named() -> None:
    after = RawBSONDocument(bson.encode({"_id": 1, "blob": "x" * (MAX_ROW_BYTES - 50), "status": "active"}))

    row = fitted(_row(after=after))

    assert row["after"] == {"_id": 1, "status": "active"}
    assert row["omitted"] == ["blob"]
    assert len(bson.encode(row)) <= MAX_ROW_BYTES
