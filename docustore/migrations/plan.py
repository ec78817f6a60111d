"""Decide which migrations run, and what is refused. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docustore.errors import MigrationChangedError, MigrationUnknownError, StoreTooNewError
from docustore.migrations.ledger import Record, State, newest_in_store
from docustore.migrations.migration import Migration

Records = Mapping[int, Record]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The migrations that this version knows, in order, and their checksums."""

    migrations: tuple[Migration, ...]
    checksums: Mapping[int, str]

    @property
    def newest(self) -> int:
        """The number of the last migration; 0 for none."""
        return max((migration.number for migration in self.migrations), default=0)


def pending(catalog: Catalog, records: Records, *, to: int | None = None) -> list[Migration]:
    """List the migrations to apply, up to a number, in order.

    A migration that was begun and not finished is among them.

    Raises:
        MigrationUnknownError: There is no migration `to`.
        StoreTooNewError, MigrationChangedError: See `check`.
    """
    check(catalog, records)
    end = _known(catalog, catalog.newest if to is None else to)
    return [m for m in catalog.migrations if m.number <= end and not _is_applied(records.get(m.number))]


def conflicting(catalog: Catalog, records: Records, *, to: int | None = None) -> list[Migration]:
    """List the applied migrations whose conflicts may be resolved by now."""
    end = catalog.newest if to is None else to
    return [
        migration
        for migration in catalog.migrations
        if migration.number <= end
        and (record := records.get(migration.number)) is not None
        and record.state is State.APPLIED
        and record.counts.conflicts
    ]


def to_revert(catalog: Catalog, records: Records, *, to: int) -> list[Migration]:
    """List the migrations to revert down to a number, newest first.

    Raises:
        MigrationUnknownError: There is no migration `to`.
        StoreTooNewError, MigrationChangedError: See `check`.
    """
    check(catalog, records)
    end = _known(catalog, to)
    return [
        migration
        for migration in reversed(catalog.migrations)
        if migration.number > end and (record := records.get(migration.number)) is not None and record.is_in_store
    ]


def baseline(catalog: Catalog, *, to: int | None = None) -> list[Migration]:
    """List the migrations to record as applied without running them."""
    end = _known(catalog, catalog.newest if to is None else to)
    return [migration for migration in catalog.migrations if migration.number <= end]


def check(catalog: Catalog, records: Records) -> None:
    """Refuse what this version must not touch.

    Raises:
        StoreTooNewError: A newer version has migrated the store.
        MigrationChangedError: The module of an applied migration is not the one that was applied.
    """
    require_known(records, newest=catalog.newest)
    for record in records.values():
        if record.state is State.APPLIED and record.checksum != catalog.checksums.get(record.number):
            raise MigrationChangedError(number=record.number, name=record.name)


def require_known(records: Records, *, newest: int) -> None:
    """Refuse a store that is newer than this version.

    Raises:
        StoreTooNewError: The store has the shape of a migration that this version does not know.
    """
    found = newest_in_store(records.values())
    if found > newest:
        raise StoreTooNewError(found=found, known=newest)


def _is_applied(record: Record | None) -> bool:
    return record is not None and record.state is State.APPLIED


def _known(catalog: Catalog, number: int) -> int:
    numbers: Sequence[int] = [0, *(migration.number for migration in catalog.migrations)]
    if number not in numbers:
        raise MigrationUnknownError(number=number, newest=catalog.newest)
    return number
