"""The checks after a run of faults see each kind of wrong history."""

from dataclasses import replace
from typing import Any, cast

import pytest
from bson import ObjectId
from bson.timestamp import Timestamp

from docustore.config import Settings
from docustore.database import Database
from tests.chaos.listener.checks import (
    Check,
    each_acknowledged_write_is_a_row,
    each_row_is_one_write,
    gaps_are_those_of_the_faults,
    rows_are_numbered_without_a_gap,
    rows_of_a_user_are_in_order,
    webhook_was_told_of_deletions,
)
from tests.chaos.listener.journal import Fate, Write
from tests.chaos.listener.outcome import Outcome, Row

USER = ObjectId()
GAP = {"reason": "position_lost", "lost_after": Timestamp(1, 0), "resumed_at": Timestamp(2, 1), "closed_at": 1}
PURE = (
    each_acknowledged_write_is_a_row,
    each_row_is_one_write,
    gaps_are_those_of_the_faults,
    rows_are_numbered_without_a_gap,
    rows_of_a_user_are_in_order,
    webhook_was_told_of_deletions,
)


def _write(version: int, *, fate: Fate = Fate.ACKNOWLEDGED, is_deletion: bool = False) -> Write:
    mark = None if is_deletion else f"n{version}"
    since, until = Timestamp(version, 0), Timestamp(version, 1)
    return Write(user_id=USER, version=version, mark=mark, fate=fate, since=since, until=until)


def _row(number: int, operation: str, version: int | None) -> Row:
    return Row(
        number=number,
        event_id=f"e{number}",
        operation=operation,
        user_id=USER,
        cluster_time=Timestamp(number, 1),
        version=version,
        mark=None if version is None else f"n{version}",
    )


WRITES = [_write(1), _write(2), _write(3, is_deletion=True)]
ROWS = [_row(1, "insert", 1), _row(2, "update", 2), _row(3, "delete", None)]


def _outcome(**fields: Any) -> Outcome:
    given = {"writes": WRITES, "rows": ROWS, "gaps": [], "lost_positions": 0, "told": [3, 3], **fields}
    return Outcome(database=cast(Database, None), settings=Settings(), **given)


@pytest.mark.parametrize("check", PURE)
async def test_right_history_passes(check: Check) -> None:
    await check(_outcome())


@pytest.mark.parametrize("check", PURE)
async def test_write_may_be_missing_in_a_gap(check: Check) -> None:
    recovered = replace_row(_row(2, "recovered", None), number=1)

    await check(
        _outcome(rows=[recovered], gaps=[GAP | {"resumed_at": Timestamp(3, 1)}], lost_positions=1, told=[1])
    )


@pytest.mark.parametrize(
    ("check", "fields"),
    [
        (rows_are_numbered_without_a_gap, {"rows": [ROWS[0], ROWS[2]]}),
        (rows_are_numbered_without_a_gap, {"rows": [ROWS[0], ROWS[1]._replace(event_id="e1")]}),
        (each_row_is_one_write, {"rows": [*ROWS, ROWS[1]._replace(number=4, event_id="e4")]}),
        (each_row_is_one_write, {"rows": [*ROWS, _row(4, "update", 9)]}),
        (each_row_is_one_write, {"writes": [replace(WRITES[0], fate=Fate.ROLLED_BACK), *WRITES[1:]]}),
        (each_acknowledged_write_is_a_row, {"rows": ROWS[:2]}),
        (each_acknowledged_write_is_a_row, {"rows": ROWS[:2], "gaps": [GAP]}),
        (rows_of_a_user_are_in_order, {"rows": ROWS[1:]}),
        (rows_of_a_user_are_in_order, {"rows": [ROWS[0], _row(2, "update", 3)]}),
        (rows_of_a_user_are_in_order, {"rows": [*ROWS, _row(4, "update", 3)]}),
        (rows_of_a_user_are_in_order, {"rows": [_row(1, "recovered", 1)]}),
        (gaps_are_those_of_the_faults, {"gaps": [GAP]}),
        (gaps_are_those_of_the_faults, {"lost_positions": 1}),
        (gaps_are_those_of_the_faults, {"gaps": [GAP | {"closed_at": None}], "lost_positions": 1}),
        (webhook_was_told_of_deletions, {"told": []}),
        (webhook_was_told_of_deletions, {"told": [2, 3]}),
    ],
)
async def test_wrong_history_fails(check: Check, fields: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        await check(_outcome(**fields))


@pytest.mark.parametrize("fate", [Fate.UNKNOWN, Fate.ROLLED_BACK])
async def test_other_writes_need_no_row(fate: Fate) -> None:
    await each_acknowledged_write_is_a_row(_outcome(writes=[*WRITES, _write(4, fate=fate)]))


def replace_row(row: Row, *, number: int) -> Row:
    return row._replace(number=number, event_id=f"e{number}")
