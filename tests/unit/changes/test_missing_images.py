"""Which changes need an image from elsewhere, and which are left alone."""

from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.images import Recorded, needs_history, resolve_with
from tests.unit.changes.make import make_change

BOTH = {"before": {"_id": 1}, "after": {"_id": 1}}
UNTIL = Timestamp(5, 2)


@pytest.mark.parametrize(
    ("images", "is_needed"),
    [(BOTH, False), ({"before": {"_id": 1}}, True), ({"after": {"_id": 1}}, True), ({}, True)],
)
def test_history_is_read_where_an_image_is_missing(images: dict[str, Any], *, is_needed: bool) -> None:
    change = make_change("update", **images)

    assert needs_history(change, None) is is_needed


@pytest.mark.parametrize(
    ("seconds", "increment", "is_needed"), [(5, 1, True), (5, 2, True), (5, 3, False), (6, 1, False)]
)
def test_history_decides_up_to_the_time_of_the_last_late_read(
    seconds: int, increment: int, *, is_needed: bool
) -> None:
    change = make_change("update", **BOTH, seconds=seconds, increment=increment)

    assert needs_history(change, UNTIL) is is_needed


def test_users_that_want_no_image_are_left_alone() -> None:
    wanting = make_change("update", after={"_id": 1, "a": 2})
    other = make_change("update", before={"_id": 2, "a": 1}, after={"_id": 2, "a": 2})
    recorded = {
        wanting.user_key: Recorded(after=RawBSONDocument(bson.encode({"_id": 1, "a": 1})), omitted=frozenset()),
    }

    resolved = resolve_with((wanting, other), wanting=[wanting], recorded=recorded, current={})

    assert resolved[0].before == {"_id": 1, "a": 1}
    assert resolved[1] is other


def test_user_that_nothing_is_known_of_has_no_image() -> None:
    change = make_change("update", before={"_id": 1})

    (resolved,) = resolve_with([change], wanting=[change], recorded={}, current={})

    assert (resolved.after, resolved.after_raw, resolved.is_after_known) == (None, None, False)
