"""Missing images: history has the state before, the collection the state now."""

from typing import Any

import bson
import msgspec
from bson.raw_bson import RawBSONDocument

from docustore.changes.effects.history import HistoryEffect
from docustore.changes.effects.marts import UserMartsEffect
from docustore.changes.events import Change
from docustore.changes.images import Recorded, resolve_with
from tests.unit.changes.make import effect_of, make_change

ACTIVE = {"_id": 1, "status": "active"}
INACTIVE = {"_id": 1, "status": "inactive"}
SUSPENDED = {"_id": 1, "status": "suspended"}


def _raw(image: Any) -> RawBSONDocument | None:
    return None if image is None else RawBSONDocument(bson.encode(image))


def _resolve(changes: list[Change], *, recorded: Any = None, current: Any = None) -> tuple[Change, ...]:
    key = changes[0].user_key
    history = {} if recorded is None else {key: Recorded(after=_raw(recorded), omitted=frozenset())}
    users = {} if current is None else {key: RawBSONDocument(bson.encode(current))}
    wanting = [c for c in changes if not (c.is_before_known and c.is_after_known)]
    return resolve_with(changes, wanting=wanting, recorded=history, current=users)


def _update(**images: Any) -> Change:
    change = make_change("update", **images)
    return change if images else _of_user_1(change)


def test_history_gives_the_state_before() -> None:
    (change,) = _resolve([_update(after=INACTIVE)], recorded=ACTIVE)

    assert change.before == ACTIVE
    assert change.is_before_known


def test_states_chain_within_a_batch() -> None:
    first, second = _resolve([_update(after=INACTIVE), _update(after=SUSPENDED)], recorded=ACTIVE)

    assert (first.before, second.before) == (ACTIVE, INACTIVE)


def test_state_after_is_read_later_and_marked() -> None:
    resolved = _resolve([_update()], recorded=ACTIVE, current=SUSPENDED)

    (row,) = effect_of(HistoryEffect, resolved).rows
    assert dict(row["after"]) == SUSPENDED
    assert row["approximate"]
    assert row["changes"] == {"status": {"before": "active", "after": "suspended"}}


def test_marts_end_right_though_states_were_read_later() -> None:
    """History moves once, and so do the marts.

    active -> inactive (no image, read as suspended) -> suspended.
    """
    changes = [_update(), _update(before=INACTIVE, after=SUSPENDED)]

    resolved = _resolve(changes, recorded=ACTIVE, current=SUSPENDED)

    marts = effect_of(UserMartsEffect, resolved).marts.without_zeros()
    assert marts.by_status == {"active": -1, "suspended": 1}
    assert marts.total == 0


def test_user_deleted_meanwhile_counts_out_once() -> None:
    changes = [_update(), _of_user_1(make_change("delete"))]

    resolved = _resolve(changes, recorded=ACTIVE)

    assert effect_of(UserMartsEffect, resolved).marts.total == -1
    assert [change.before for change in resolved] == [ACTIVE, ACTIVE]


def test_user_unknown_to_history_stays_unknown() -> None:
    (change,) = _resolve([_update(after=INACTIVE)])

    assert not change.is_before_known


def test_fields_that_history_left_out_are_not_compared() -> None:
    changes = [_update(after=INACTIVE | {"blob": "x"})]
    recorded = {changes[0].user_key: Recorded(after=_raw(ACTIVE), omitted=frozenset({"blob"}))}

    resolved = resolve_with(changes, wanting=changes, recorded=recorded, current={})

    (row,) = effect_of(HistoryEffect, resolved).rows
    assert row["changes"] == {"status": {"before": "active", "after": "inactive"}}


def _of_user_1(change: Change) -> Change:
    return msgspec.structs.replace(change, user_id=1)
