"""Events, changes and effects for tests; events have the shape of the pipeline."""

from collections.abc import Iterable
from typing import Any, TypeVar

import bson
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.effects.effect import Effect
from docustore.changes.events import Change, parse_change
from docustore.changes.stream import EventBatch, to_batch

WALL_TIME = DatetimeMS(1_714_607_999_999)

E = TypeVar("E", bound=Effect)


def token_at(seconds: int, increment: int = 1) -> dict[str, Any]:
    return {"_data": f"82{seconds:08X}{increment:08X}2B022C0100296E5A1004"}


def make_event(
    operation: str, *, before: Any = None, after: Any = None, seconds: int = 1, increment: int = 1
) -> RawBSONDocument:
    event = {"_id": token_at(seconds, increment)}
    if operation != "delete":
        event["after"] = after
    event |= {
        "before": before,
        "operation": operation,
        "user_id": (before or after or {}).get("_id"),
        "cluster_time": Timestamp(seconds, increment),
        "wall_time": WALL_TIME,
    }
    return RawBSONDocument(bson.encode(event))


def make_change(operation: str, **fields: Any) -> Change:
    return parse_change(make_event(operation, **fields))


def make_batch(
    events: list[RawBSONDocument], *, token: Any, batch_size: int = 1000, ending_operation: str | None = None
) -> EventBatch:
    changes = [parse_change(event) for event in events]
    return to_batch(changes, token=token, is_full=len(events) >= batch_size, ending_operation=ending_operation)


def effect_of(effect: type[E], changes: Iterable[Change]) -> E:
    batch = effect()
    for change in changes:
        batch.add(change)
    return batch
