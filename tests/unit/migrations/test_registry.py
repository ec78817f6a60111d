"""The registry is complete, and released migrations are frozen."""

from pathlib import Path

import pytest

from docustore.migrations import registry
from docustore.migrations.migration import Migration, Phase
from docustore.users.stored import SCHEMA_VERSION

MODULES = sorted(Path(registry.__file__).parent.glob("m[0-9]*.py"))
EVERY = pytest.mark.parametrize("migration", registry.MIGRATIONS, ids=lambda migration: migration.name)


def test_numbers_are_dense_and_in_order() -> None:
    assert [migration.number for migration in registry.MIGRATIONS] == list(range(1, len(registry.MIGRATIONS) + 1))


def test_every_module_is_registered() -> None:
    names = [f"m{migration.label}_{migration.name}" for migration in registry.MIGRATIONS]

    assert names == [path.stem for path in MODULES]


def test_new_users_have_the_newest_shape() -> None:
    assert registry.MIGRATIONS[-1].number == SCHEMA_VERSION


@EVERY
def test_migration_that_moves_users_has_a_way_back(migration: Migration) -> None:
    assert (migration.up is None) == (migration.down is None)
    assert set(migration.writes) <= set(migration.reads)
    assert migration.summary


@EVERY
def test_only_contract_migrations_exclude_old_code(migration: Migration) -> None:
    assert migration.can_old_code_run == (migration.phase is not Phase.CONTRACT)


def test_checksum_is_that_of_the_module() -> None:
    found = registry.checksums()

    assert set(found) == {migration.number for migration in registry.MIGRATIONS}
    assert len(set(found.values())) == len(found)
