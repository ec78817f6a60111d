"""The stored form of a position."""

from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.changes.pipeline import StartPoint
from docustore.changes.position import ListenerState, Position, _stored, position_of
from tests.unit.changes.make import token_at


def _position(**fields: Any) -> Position:
    values: dict[str, Any] = {
        "seq": 7,
        "fence": 2,
        "state": ListenerState.STREAMING,
        "start": StartPoint(token=token_at(9)),
        "cluster_time": Timestamp(9, 1),
        "is_exact": True,
        "approximate_until": None,
        "recoveries": 0,
    }
    return Position(**values | fields)


def _after_update(document: dict[str, Any], assignments: dict[str, Any]) -> dict[str, Any]:
    """Apply the assignments as the server would."""
    kept = {name: value for name, value in document.items() if name not in assignments}
    return kept | {name: value["$literal"] for name, value in assignments.items() if value != "$$REMOVE"}


@pytest.mark.parametrize(
    "position",
    [
        _position(),
        _position(start=StartPoint(start_at=Timestamp(9, 2))),
        _position(start=StartPoint(), state=ListenerState.SNAPSHOTTING, cluster_time=None, is_exact=False),
        _position(approximate_until=Timestamp(8, 1), recoveries=3, is_exact=False),
    ],
)
def test_position_survives_storage(position: Position) -> None:
    """No value of the position before it shows through."""
    before = _after_update({"_id": "users", "fence": 2}, _stored(_position(approximate_until=Timestamp(1, 1))))

    assert position_of(_after_update(before, _stored(position))) == position


@pytest.mark.parametrize("start", [StartPoint(token=token_at(9)), StartPoint(start_at=Timestamp(9, 2))])
def test_stored_position_has_one_start(start: StartPoint) -> None:
    before = _after_update({"_id": "users"}, _stored(_position()))

    stored = _after_update(before, _stored(_position(start=start)))

    assert len({"token", "start_at"} & stored.keys()) == 1


def test_fields_of_older_releases_are_ignored() -> None:
    stored = _after_update({"_id": "users", "fence": 2, "applied": 7, "lag_ms": 3}, _stored(_position()))

    assert position_of(stored) == _position()
