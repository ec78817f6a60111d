"""Which changes a reader gets."""

from typing import Any

import pytest
from bson import ObjectId

from docustore.errors import InvalidQueryError
from docustore.feed.events import feed_event
from docustore.feed.filters import EVERYTHING, feed_filter
from tests.feed_rows import read_row

ID = "65a000000000000000000001"


@pytest.mark.parametrize(
    ("parameters", "matches"),
    [
        ({}, True),
        ({"user_id": ID}, True),
        ({"user_id": "65a000000000000000000002"}, False),
        ({"user_id": "someone"}, False),
        ({"operation": "update"}, True),
        ({"operation": "insert,delete"}, False),
        ({"operation": "insert,update"}, True),
        ({"field": "status"}, True),
        ({"field": "email,status"}, True),
        ({"field": "email"}, False),
        ({"field": "status", "operation": "update", "user_id": ID}, True),
        ({"field": "status", "operation": "insert", "user_id": ID}, False),
    ],
)
def test_all_conditions_must_hold(parameters: dict[str, Any], matches: bool) -> None:
    assert feed_filter(**parameters).matches(feed_event(read_row())) is matches


@pytest.mark.parametrize(
    "fields", [{"operation": "insert", "changed": []}, {"operation": "delete", "after": None}]
)
def test_insert_and_deletion_change_every_field(fields: dict[str, Any]) -> None:
    assert feed_filter(field="email").matches(feed_event(read_row(**fields)))


def test_text_id_is_found() -> None:
    assert feed_filter(user_id="u-1").matches(feed_event(read_row(user_id="u-1")))
    assert feed_filter(user_id=ID).user == ObjectId(ID)


@pytest.mark.parametrize(
    ("parameters", "pointers"),
    [
        ({"operation": "replace"}, ["/operation"]),
        ({"operation": "insert,"}, ["/operation"]),
        ({"field": "password_hash"}, ["/field"]),
        ({"operation": "", "field": "x"}, ["/operation", "/field"]),
    ],
)
def test_unknown_word_is_refused(parameters: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        feed_filter(**parameters)

    assert [error.pointer for error in caught.value.errors] == pointers
    assert "insert" in caught.value.errors[0].detail or "status" in caught.value.errors[0].detail


def test_filters_of_the_same_words_are_equal() -> None:
    """Readers with the same view share their encoded events."""
    assert feed_filter(field="status,email") == feed_filter(field="email,status")
    assert feed_filter() == EVERYTHING
    assert len({feed_filter(operation="insert"), feed_filter(operation="insert")}) == 1
