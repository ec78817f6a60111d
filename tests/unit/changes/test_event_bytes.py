"""How an event's bytes are cut, and the bounds of tokens and cluster times."""

import bson
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.events import Change, _split, just_after, just_before, token_time, user_key
from docustore.history.models import Operation
from tests.unit.changes.make import WALL_TIME, make_event

IMAGE = {"_id": 1, "name": "Ada"}


def test_event_is_cut_without_decoding_its_image() -> None:
    """An image that is decoded all the same costs three times the time."""
    event = make_event("insert", after=IMAGE)

    image, rest = _split(event)

    assert image is not None
    assert bytes(image.raw) == bson.encode(IMAGE)
    assert bson.decode(rest) == {name: v for name, v in bson.decode(event.raw).items() if name != "after"}


@pytest.mark.parametrize("first", ["_id", "id"])
def test_event_of_another_shape_is_left_whole(first: str) -> None:
    """Each header is checked for itself: a shape that the server does not send now must not be misread."""
    event = RawBSONDocument(bson.encode({first: {"_data": "82"}, "other": {"_id": 2}, "after": IMAGE}))

    image, rest = _split(event)

    assert image is not None
    assert bytes(image.raw) == bson.encode(IMAGE)
    assert bytes(rest) == bytes(event.raw)


def test_image_behind_another_key_is_left_in_place() -> None:
    event = RawBSONDocument(bson.encode({"id_": {"_data": "82"}, "after": IMAGE}))

    _, rest = _split(event)

    assert bytes(rest) == bytes(event.raw)


def test_images_of_a_change_are_known_unless_said_otherwise() -> None:
    change = Change(
        event_id="82",
        token={},
        size_bytes=1,
        operation=Operation.UPDATE,
        user_id=1,
        cluster_time=Timestamp(1, 1),
        wall_time=WALL_TIME,  # type: ignore[arg-type]
        before=None,
        after=None,
        after_raw=None,
    )

    assert (change.is_before_known, change.is_after_known) == (True, True)


def test_object_id_is_its_own_key() -> None:
    """The common id: to encode each one would be for nothing."""
    object_id = ObjectId()

    assert user_key(object_id) is object_id


@pytest.mark.parametrize(
    ("seconds", "increment"), [(0x65A1_B2C3, 1), (0x8000_0001, 0x1000_0002), (0xFFFF_FFFF, 0xFFFF_FFFF), (1, 0)]
)
def test_every_digit_of_a_token_counts(seconds: int, increment: int) -> None:
    token = {"_data": f"82{seconds:08X}{increment:08X}2B022C0100296E5A1004"}

    assert token_time(token) == Timestamp(seconds, increment)


def test_refused_token_is_named_by_its_two_digit_type() -> None:
    with pytest.raises(ValueError, match=r": 81;"):
        token_time({"_data": "8165A1B2C3"})


@pytest.mark.parametrize(("increment", "before"), [(3, 2), (1, 0), (0, 0)])
def test_neighbours_of_a_time_are_one_increment_away(increment: int, before: int) -> None:
    assert just_before(Timestamp(5, increment)) == Timestamp(5, before)
    assert just_after(Timestamp(5, increment)) == Timestamp(5, increment + 1)
