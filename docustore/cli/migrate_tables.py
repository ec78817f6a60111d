"""The output of `docustore migrate`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType

from docustore.cli.tables import list_table
from docustore.migrations.ledger import Record, State, newest_in_store
from docustore.migrations.migrate import Preview
from docustore.migrations.plan import Catalog

SHOWN_CONFLICTS = 10
_HELP = {
    "email_taken": "another user has the normalised address: change or delete one of the two users",
    "email_malformed": "the address cannot receive mail: correct it",
    "duplicate_key": "another user has a value that must be unique: change one of the two users",
    "refused_by_validator": "the validator refuses the migrated user: correct the user",
}
_NEXT = "Then run `docustore migrate up` again: it looks at these users again."


def status_document(catalog: Catalog, records: Mapping[int, Record]) -> dict[str, Any]:
    """Return what `migrate status --json` prints.

    Shape: `{known, store, up_to_date, pending: [numbers], migrations: [{number, name, state, ...}]}`.
    """
    migrations = [_entry(catalog, records, number) for number in _numbers(catalog, records)]
    waiting = [entry["number"] for entry in migrations if entry["state"] == "pending"]
    unfinished = any(entry["state"] not in {"applied", "reverted", "pending"} for entry in migrations)
    conflicts = sum(record.counts.conflicts for record in records.values())
    return {
        "known": catalog.newest,
        "store": newest_in_store(records.values()),
        "up_to_date": not waiting and not unfinished and not conflicts,
        "pending": waiting,
        "conflicts": conflicts,
        "migrations": migrations,
    }


def status_table(catalog: Catalog, records: Mapping[int, Record]) -> RenderableType:
    """Lay out the migrations, and the conflicts with the next step."""
    table = list_table("", "migration", "phase", "state", "changed", "conflicts", "when", "by")
    for number in _numbers(catalog, records):
        entry = _entry(catalog, records, number)
        changed, conflicts, _, when, by = _figures(records.get(number))
        table.add_row(
            f"{number:04}",
            # Words fold on a narrow terminal.
            entry["name"].replace("_", " "),
            entry["phase"] or "unknown",
            entry["state"],
            changed,
            conflicts,
            when,
            by,
        )
    document = status_document(catalog, records)
    summary = "Up to date." if document["up_to_date"] else "Not up to date: run `docustore migrate up`."
    return Group(table, *_conflict_lines(list(records.values())), summary)


def records_table(done: Sequence[Record]) -> RenderableType:
    """Lay out what a command has done."""
    if not done:
        return "Up to date: nothing to do."
    table = list_table("", "migration", "state", "changed", "conflicts", "took", "when", "by")
    for record in done:
        table.add_row(f"{record.number:04}", record.name, record.state.value, *_figures(record))
    return Group(table, *_conflict_lines(done))


def preview_table(found: Sequence[Preview]) -> RenderableType:
    """Lay out what a command would do."""
    if not found:
        return "Up to date: nothing to do."
    table = list_table("", "migration", "direction", "would change", "conflicts")
    for one in found:
        figures = (f"{one.counts.changed:,}", f"{one.counts.conflicts:,}")
        table.add_row(one.migration.label, one.migration.name, one.direction.value, *figures)
    return Group(table, "Nothing was changed.")


def _numbers(catalog: Catalog, records: Mapping[int, Record]) -> list[int]:
    return sorted({migration.number for migration in catalog.migrations} | records.keys())


def _entry(catalog: Catalog, records: Mapping[int, Record], number: int) -> dict[str, Any]:
    known = next((migration for migration in catalog.migrations if migration.number == number), None)
    record = records.get(number)
    is_pending = known is not None and (record is None or record.state is State.REVERTED)
    found = {
        "number": number,
        "name": known.name if known else record.name if record else "",
        "summary": known.summary if known else None,
        "phase": known.phase.value if known else None,
        "can_old_code_run": known.can_old_code_run if known else None,
        "reads": known.reads if known else (),
        "writes": known.writes if known else (),
        "state": "pending" if is_pending else record.state.value if record else "pending",
    }
    return {**found, "record": record}


def _figures(record: Record | None) -> tuple[str, str, str, str, str]:
    if record is None:
        return ("", "", "", "", "")
    when = record.finished_at or record.started_at
    return (
        f"{record.counts.changed:,}",
        f"{record.counts.conflicts:,}",
        f"{record.duration_s:.1f} s",
        f"{when:%Y-%m-%d %H:%M}" if when else "",
        record.by or "",
    )


def _conflict_lines(records: Sequence[Record]) -> Iterator[RenderableType]:
    conflicts = [conflict for record in records for conflict in record.conflicts]
    if not conflicts:
        return
    for conflict in conflicts[:SHOWN_CONFLICTS]:
        other = f", user {conflict.other}" if conflict.other is not None else ""
        yield f"User {conflict.id}{other}: {_HELP.get(conflict.code, conflict.code)}."
    total = sum(record.counts.conflicts for record in records)
    if total > SHOWN_CONFLICTS:
        yield f"{total:,} users in all; `docustore migrate status --json` lists them."
    yield _NEXT
