"""What must hold after any faults: one function for each rule.

A new effect adds its rule here, as one function and one line of `CHECKS`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from bson.codec_options import CodecOptions, DatetimeConversion

from docustore.analytics.reconcile import reconcile
from docustore.changes.dead_letters import LETTERS, OPEN_STATES
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.database import Database, Document
from docustore.effect_states import load_effect_state
from docustore.history.models import HISTORY, Operation
from tests.chaos.listener.journal import Fate, Write
from tests.chaos.listener.outcome import Outcome, Row
from tests.waiting import until

Check = Callable[[Outcome], Awaitable[None]]
PATIENCE_S: Final = 60.0
COMPARED_USERS: Final = 500
# A user may hold a date that Python has no value for.
ANY_DATE: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


async def rows_are_numbered_without_a_gap(outcome: Outcome) -> None:
    assert [row.number for row in outcome.rows] == list(range(1, len(outcome.rows) + 1))
    assert len({row.event_id for row in outcome.rows}) == len(outcome.rows)


async def each_row_is_one_write(outcome: Outcome) -> None:
    """No row stands for a write that was rolled back, and no write has two rows."""
    made = {_key(write): write.fate for write in outcome.writes}
    found = [(row.user_id, row.version, row.mark) for row in outcome.rows]
    assert len(set(found)) == len(found)
    strange = [row for row, key in zip(outcome.rows, found, strict=True) if key not in made]
    assert strange == []
    rolled_back = [row for row, key in zip(outcome.rows, found, strict=True) if made[key] is Fate.ROLLED_BACK]
    assert rolled_back == []


async def each_acknowledged_write_is_a_row(outcome: Outcome) -> None:
    """A write may be missing in a recorded gap, and nowhere else."""
    found = {(row.user_id, row.version, row.mark) for row in outcome.rows}
    missing = [
        write
        for write in outcome.writes
        if write.fate is Fate.ACKNOWLEDGED and _key(write) not in found and not outcome.may_be_missing(write)
    ]
    assert missing == []


async def rows_of_a_user_are_in_order(outcome: Outcome) -> None:
    """The first row inserts, the versions have no jump, and a deletion is the end."""
    last: dict[Any, Row] = {}
    for row in outcome.rows:
        before = last.get(row.user_id)
        last[row.user_id] = row
        if row.operation == Operation.RECOVERED:
            assert outcome.was_recovered(row), row
            continue
        if before is None:
            assert (row.operation, row.version) == (Operation.INSERT, 1), row
            continue
        assert before.version is not None, (before, row)
        assert row.version in {None, before.version + 1}, (before, row)
        assert (row.version is None) is (row.operation == Operation.DELETE), row


async def last_rows_are_the_users(outcome: Outcome) -> None:
    """History replays to exactly the collection."""
    deleted = {row.user_id for row in {row.user_id: row for row in outcome.rows}.values() if row.version is None}
    known = {row.user_id for row in outcome.rows} - deleted
    users = outcome.database.get_collection("users", ANY_DATE)
    stored = [user["_id"] async for user in users.find({}, {"_id": 1})]
    assert set(stored) == known
    for start in range(0, len(stored), COMPARED_USERS):
        user_ids = stored[start : start + COMPARED_USERS]
        states = await _last_states(outcome.database, user_ids)
        found = {user["_id"]: user async for user in users.find({"_id": {"$in": user_ids}}, {"password_hash": 0})}
        assert [user for user_id, user in found.items() if not _is_state(states[user_id], user)] == []


async def gaps_are_those_of_the_faults(outcome: Outcome) -> None:
    """Each lost position is one gap, and each gap was closed."""
    assert [gap["reason"] for gap in outcome.gaps] == ["position_lost"] * outcome.lost_positions
    assert [gap for gap in outcome.gaps if gap.get("closed_at") is None] == []


async def dead_letters_are_closed(outcome: Outcome) -> None:
    assert await outcome.database[LETTERS].find({"state": {"$in": list(OPEN_STATES)}}).to_list() == []


async def marts_are_right(outcome: Outcome) -> None:
    difference = await reconcile(outcome.database, timeout_s=PATIENCE_S)
    assert difference.is_empty, difference
    assert difference.is_same_instant


async def effects_agree_with_users(outcome: Outcome) -> None:
    """Every registered effect compares itself with the collection."""
    for effect in EFFECTS:
        assert await effect.reconcile(outcome.database, timeout_s=PATIENCE_S) == [], effect


async def derived_effects_agree_with_users(outcome: Outcome) -> None:
    """Every derived effect is what a new build would make, with the last change."""
    last = len(outcome.rows)
    for derived in DERIVED:
        effect = derived(outcome.settings)

        async def is_current(name: str = effect.name) -> bool:
            state = await load_effect_state(outcome.database, name)
            return state is not None and state.is_live and state.seq >= last

        await until(is_current, what=f"{effect.name} holds every change")
        assert await derived_difference(outcome.database, effect) is None


async def webhook_was_told_of_deletions(outcome: Outcome) -> None:
    """Every deletion arrived at least once, and nothing else did."""
    deletions = {row.number for row in outcome.rows if row.version is None}
    assert deletions
    assert set(outcome.told) == deletions


CHECKS: Final[tuple[Check, ...]] = (
    rows_are_numbered_without_a_gap,
    each_row_is_one_write,
    each_acknowledged_write_is_a_row,
    rows_of_a_user_are_in_order,
    last_rows_are_the_users,
    gaps_are_those_of_the_faults,
    dead_letters_are_closed,
    marts_are_right,
    effects_agree_with_users,
    derived_effects_agree_with_users,
    webhook_was_told_of_deletions,
)


def _key(write: Write) -> tuple[Any, int | None, str | None]:
    return write.user_id, None if write.mark is None else write.version, write.mark


async def _last_states(database: Database, user_ids: list[Any]) -> dict[Any, Document]:
    pipeline = [
        {"$match": {"user_id": {"$in": user_ids}}},
        {"$sort": {"user_id": 1, "_id": -1}},
        {"$group": {"_id": "$user_id", "after": {"$first": "$after"}, "omitted": {"$first": "$omitted"}}},
    ]
    rows = await database.get_collection(HISTORY, ANY_DATE).aggregate(pipeline)
    return {row["_id"]: row async for row in rows}


def _is_state(row: Document, user: Document) -> bool:
    """Compare a user with its last row, less the fields that the row left out."""
    omitted = row.get("omitted") or ()
    return bool(row["after"] == {name: value for name, value in user.items() if name not in omitted})
