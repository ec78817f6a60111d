from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from docustore.changes.events import just_after, just_before, parse_change, token_time, user_key
from docustore.history.models import Operation
from docustore.history.rows import IMAGE_CODEC
from tests.unit.changes.make import make_batch, make_event, token_at


def test_update_has_both_images() -> None:
    event = make_event("update", before={"_id": 1, "a": 1}, after={"_id": 1, "a": 2})

    change = parse_change(event)

    assert (change.operation, change.user_id) == (Operation.UPDATE, 1)
    assert (change.before, change.after) == ({"_id": 1, "a": 1}, {"_id": 1, "a": 2})
    assert (change.is_before_known, change.is_after_known) == (True, True)


@given(st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.integers(-9, 9)))
def test_after_image_keeps_its_bytes(fields: dict[str, int]) -> None:
    image = {"_id": 1} | fields

    change = parse_change(make_event("insert", after=image))

    assert change.after_raw is not None
    assert bytes(change.after_raw.raw) == bson.encode(image)


def test_after_image_is_found_at_any_place() -> None:
    event = make_event("insert", after={"_id": 1})
    moved = {name: value for name, value in bson.decode(event.raw).items() if name != "after"} | {
        "after": {"_id": 1}
    }

    change = parse_change(RawBSONDocument(bson.encode(moved)))

    assert change.after_raw is not None
    assert bytes(change.after_raw.raw) == bson.encode({"_id": 1})


def test_insert_is_not_decoded_beyond_its_head() -> None:
    event = make_event("insert", after={"_id": 1, "status": "active", "email": "a@example.org"})
    with_head = bson.decode(event.raw) | {"head": {"_id": 1, "status": "active"}}

    change = parse_change(RawBSONDocument(bson.encode(with_head)))

    assert change.after == {"_id": 1, "status": "active"}
    assert change.after_raw is not None
    assert change.after_raw["email"] == "a@example.org"


@pytest.mark.parametrize(
    ("operation", "images", "known"),
    [
        ("insert", {"after": {"_id": 1}}, (True, True)),
        ("update", {"after": {"_id": 1}}, (False, True)),
        ("update", {"before": {"_id": 1}}, (True, False)),
        ("update", {}, (False, False)),
        ("delete", {"before": {"_id": 1}}, (True, True)),
        ("delete", {}, (False, True)),
    ],
)
def test_missing_images_are_known_as_such(operation: str, images: Any, known: tuple[bool, bool]) -> None:
    change = parse_change(make_event(operation, **images))

    assert (change.is_before_known, change.is_after_known) == known


def test_weird_values_do_not_stop_the_stream() -> None:
    """Other clients write dates of the year 20000 and broken UTF-8."""
    image = bson.encode({"_id": 1, "name": "xxxx", "at": bson.datetime_ms.DatetimeMS(10**15)})
    broken = RawBSONDocument(
        image.replace(b"xxxx", b"\xff\xfexx"), IMAGE_CODEC.with_options(document_class=RawBSONDocument)
    )

    change = parse_change(make_event("insert", after=broken))

    assert change.after_raw is not None
    assert bytes(change.after_raw.raw) == bytes(broken.raw)


def test_ids_of_different_types_are_different_users() -> None:
    object_id = ObjectId()

    assert len({user_key(key) for key in (object_id, str(object_id), 1, True, {"a": 1}, {"a": 2})}) == 6


def test_token_says_its_cluster_time() -> None:
    assert token_time(token_at(7, 3)) == Timestamp(7, 3)


def test_unknown_token_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        token_time({"_data": "83"})


def test_neighbours_of_a_cluster_time() -> None:
    assert just_before(Timestamp(5, 2)) < Timestamp(5, 2) < just_after(Timestamp(5, 2))


def test_cut_reply_promises_only_what_came_before() -> None:
    """The rest of a transaction may come later, at the same cluster time."""
    events = [make_event("insert", after={"_id": n}, seconds=9, increment=4) for n in range(2)]

    batch = make_batch(events, token=token_at(9, 4), batch_size=2)

    assert (batch.cluster_time, batch.is_exact) == (Timestamp(9, 3), False)


def test_reply_that_was_not_cut_is_complete() -> None:
    events = [make_event("insert", after={"_id": 1}, seconds=9, increment=4)]

    batch = make_batch(events, token=token_at(9, 4), batch_size=2)

    assert (batch.cluster_time, batch.is_exact) == (Timestamp(9, 4), True)


def test_full_reply_with_a_later_token_is_complete() -> None:
    events = [make_event("insert", after={"_id": 1}, seconds=9, increment=4)]

    batch = make_batch(events, token=token_at(9, 5), batch_size=1)

    assert (batch.cluster_time, batch.is_exact) == (Timestamp(9, 5), True)
