"""What a run may change, at the bounds of its limits."""

from collections import Counter
from typing import Any

import pytest

from docustore.etl.guards.brake import Brake, PageHeldError, changes_of
from docustore.etl.guards.hold import HoldCode
from docustore.etl.plan import BatchPlan, Outcome, UserWrite
from docustore.source_options.limits import ChangeLimits

PAGE = 100


def brake(known: int = 0, **given: Any) -> Brake:
    limits = {name: value for name, value in given.items() if name not in {"before", "approved"}}
    options = {name: value for name, value in given.items() if name in {"before", "approved"}}

    async def count_known() -> int:
        return known

    return Brake(ChangeLimits(**limits), count_known=count_known, **options)


async def pages(brake: Brake, kind: str, *sizes: int) -> list[bool]:
    """Tell of each page whether it was written."""
    written = []
    for size in sizes:
        try:
            await brake.admit(Counter({kind: size}))
            written.append(True)
        except PageHeldError:
            written.append(False)
    return written


@pytest.mark.parametrize("kind", ["inserted", "updated", "deactivated"])
@pytest.mark.parametrize(("size", "is_written"), [(50, True), (51, False)])
async def test_page_up_to_the_limit_is_written(kind: str, size: int, is_written: bool) -> None:
    assert await pages(brake(**{f"max_{kind}": 150}), kind, PAGE, size) == [True, is_written]


async def test_all_pages_after_a_held_one_are_held_and_counted() -> None:
    """The person who decides must see the whole extent of the change."""
    held = brake(max_updated=150)

    assert await pages(held, "updated", PAGE, PAGE, 1) == [True, False, False]
    hold = held.hold()
    assert (hold.codes, hold.stored["updated"], hold.total["updated"]) == ([HoldCode.MASS_UPDATE], 100, 201)
    assert hold.limits == {"updated": 150}
    assert str(hold) == "it would have 201 updated (limit 150)"


@pytest.mark.parametrize(
    ("known", "size", "is_written"), [(1000, 200, True), (1000, 201, False), (999, 200, False)]
)
async def test_percentage_is_of_the_known_users(known: int, size: int, is_written: bool) -> None:
    assert await pages(brake(known, max_updated_pct=20), "updated", size) == [is_written]


@pytest.mark.parametrize(("size", "is_written"), [(10, True), (11, False)])
async def test_few_users_are_not_a_percentage(size: int, is_written: bool) -> None:
    assert await pages(brake(20), "deactivated", size) == [is_written]


async def test_first_load_has_no_percentage() -> None:
    assert await pages(brake(0, max_inserted_pct=1), "inserted", 5000) == [True]


async def test_smaller_of_two_limits_counts() -> None:
    assert await pages(brake(1000, max_updated=50, max_updated_pct=20), "updated", 51) == [False]
    assert await pages(brake(1000, max_updated=500, max_updated_pct=20), "updated", 201) == [False]


async def test_own_writes_do_not_change_the_percentage() -> None:
    """The users are counted late, when the run has deactivated some of them."""
    half = brake(990, max_deactivated_pct=2, pct_from=10)

    assert await pages(half, "deactivated", 10, 10, 1) == [True, True, False]


async def test_changes_of_held_runs_before_count() -> None:
    """Otherwise a change would pass the limit in small parts, one each hour."""
    assert await pages(brake(max_updated=150, before={"updated": 100}), "updated", 51) == [False]


async def test_approved_change_is_let_through_but_no_more() -> None:
    approved = brake(max_updated=150, before={"updated": 100}, approved={"updated": 5000})

    assert await pages(approved, "updated", 5050, 1) == [True, False]


async def test_failed_page_counts_once() -> None:
    repeated = brake(max_updated=150)
    await repeated.admit(Counter(updated=PAGE))

    repeated.withdraw(Counter(updated=PAGE))

    assert await pages(repeated, "updated", 150) == [True]


async def test_without_limits_nothing_is_held() -> None:
    assert await pages(Brake(), "deactivated", 10**6) == [True]


async def test_new_fields_hold_every_page() -> None:
    frozen = brake()
    frozen.hold_for_fields(("shoe_size",))

    assert await pages(frozen, "updated", 1) == [False]
    assert str(frozen.hold()) == "it brings new fields: shoe_size"


def write(before: dict[str, Any] | None, fields: dict[str, Any] | None) -> UserWrite:
    return UserWrite(before=before, fields=fields, records=frozenset({0}))


@pytest.mark.parametrize(
    ("before", "fields", "lost"),
    [
        ({"status": "active"}, {"status": "inactive"}, 1),
        ({"status": "active"}, {"status": "suspended"}, 1),
        ({}, {"status": "inactive"}, 1),
        ({"status": "inactive"}, {"status": "suspended"}, 0),
        ({"status": "inactive"}, {"status": "active"}, 0),
        ({"status": "active", "deleted_at": "then"}, {"status": "inactive"}, 0),
        ({"status": "active"}, {"first_name": "New"}, 0),
        ({"status": "active"}, None, 0),
        (None, {"status": "inactive"}, 0),
    ],
)
def test_loss_is_an_active_user_that_ends(
    before: dict[str, Any] | None, fields: dict[str, Any] | None, lost: int
) -> None:
    """A source that sends `disabled` for everyone loses them as well as one that sends tombstones."""
    writes = [write(before, fields)]
    plan = BatchPlan(writes=writes, moves=[], outcomes=[Outcome.UPDATED], tombstones={}, late=[])

    assert changes_of(plan) == {"inserted": 0, "updated": 1, "deactivated": lost}
