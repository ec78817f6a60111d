from typing import Any

import pytest

from docustore.errors import MigrationChangedError, MigrationUnknownError, StoreTooNewError
from docustore.migrations.ledger import Counts, Record, State, newest_in_store
from docustore.migrations.migration import Migration, Phase
from docustore.migrations.plan import Catalog, baseline, check, conflicting, pending, require_known, to_revert

CATALOG = Catalog(
    migrations=tuple(
        Migration(number=number, name=f"step{number}", phase=Phase.MIGRATE, summary="") for number in (1, 2, 3)
    ),
    checksums={1: "a", 2: "b", 3: "c"},
)


def record(number: int, state: State = State.APPLIED, **fields: Any) -> Record:
    known = {"name": f"step{number}", "checksum": CATALOG.checksums.get(number, "z"), **fields}
    return Record(number=number, state=state, **known)


def records(*found: Record) -> dict[int, Record]:
    return {one.number: one for one in found}


def numbers(migrations: list[Migration]) -> list[int]:
    return [migration.number for migration in migrations]


def test_fresh_store_gets_all_in_order() -> None:
    assert numbers(pending(CATALOG, {})) == [1, 2, 3]
    assert numbers(pending(CATALOG, {}, to=2)) == [1, 2]
    assert pending(CATALOG, {}, to=0) == []


@pytest.mark.parametrize("state", [State.APPLYING, State.REVERTING, State.REVERTED])
def test_unfinished_and_reverted_ones_are_pending(state: State) -> None:
    assert numbers(pending(CATALOG, records(record(1), record(2, state)))) == [2, 3]


def test_down_reverts_newest_first_and_what_was_begun() -> None:
    found = records(record(1), record(2), record(3, State.APPLYING))

    assert numbers(to_revert(CATALOG, found, to=1)) == [3, 2]
    assert to_revert(CATALOG, found, to=3) == []
    assert numbers(to_revert(CATALOG, records(record(2, State.REVERTED), record(1)), to=0)) == [1]


def test_applied_ones_with_conflicts_are_looked_at_again() -> None:
    some = Counts(conflicts=1)
    found = records(record(1), record(2, counts=some), record(3, State.APPLYING, counts=some))

    assert numbers(conflicting(CATALOG, found)) == [2]
    assert conflicting(CATALOG, found, to=1) == []


@pytest.mark.parametrize("state", [State.APPLIED, State.APPLYING, State.REVERTING])
def test_newer_store_is_refused_with_both_numbers(state: State) -> None:
    with pytest.raises(StoreTooNewError, match=r"migration 4, this version knows migrations up to 3.*down --to 3"):
        pending(CATALOG, records(record(4, state)))


def test_reverted_newer_migration_is_no_obstacle() -> None:
    require_known(records(record(4, State.REVERTED)), newest=3)


def test_changed_module_is_refused_with_the_lever() -> None:
    changed = records(record(2, checksum="other"))

    with pytest.raises(MigrationChangedError, match=r"2 \(step2\).*restore the module.*baseline --to 2"):
        check(CATALOG, changed)
    with pytest.raises(MigrationChangedError):
        to_revert(CATALOG, changed, to=0)


def test_module_of_an_unfinished_migration_may_change() -> None:
    check(CATALOG, records(record(2, State.APPLYING, checksum="other")))


@pytest.mark.parametrize("number", [-1, 4])
def test_unknown_number_is_refused(number: int) -> None:
    with pytest.raises(MigrationUnknownError, match="0 to 3"):
        pending(CATALOG, {}, to=number)
    with pytest.raises(MigrationUnknownError):
        to_revert(CATALOG, {}, to=number)
    with pytest.raises(MigrationUnknownError):
        baseline(CATALOG, to=number)


def test_baseline_takes_all_up_to_a_number() -> None:
    assert numbers(baseline(CATALOG)) == [1, 2, 3]
    assert numbers(baseline(CATALOG, to=2)) == [1, 2]


def test_newest_in_store_is_zero_without_records() -> None:
    assert newest_in_store([]) == 0
    assert newest_in_store([record(1), record(3, State.REVERTED)]) == 1
