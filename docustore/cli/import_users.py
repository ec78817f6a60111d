"""`docustore import`: read users from a file of `docustore export`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.progress import progress_bar
from docustore.cli.store_for_writing import writable_database
from docustore.cli.tables import facts_table, list_table
from docustore.exports.formats import ExportFormat, FileForm
from docustore.exports.importing import Import, import_users, rules_of
from docustore.exports.report import ImportReport
from docustore.exports.rows import RowFile

# The others are in the rejects file, and the first hundred in the output of --json.
SHOWN_REJECTS: Final = 20


@command("import", example="docustore import users.ndjson.gz --rejects rejects.ndjson")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in ExportFormat]),
    help="Default: what the name or the content of FILE says.",
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Check every row and say what it would do.")
@click.option(
    "--overwrite", "is_overwriting", is_flag=True, help="Let rows count that are older than the user in the store."
)
@click.option(
    "--rejects",
    "rejects_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write each rejected row here, as NDJSON: its line, and every field with the reason.",
)
async def import_command(  # one parameter per option
    invocation: Invocation,
    *,
    file: Path,
    format_: str | None,
    is_dry_run: bool,
    is_overwriting: bool,
    rejects_path: Path | None,
) -> int:
    """Load the users of FILE: exit 0 if every row could be read, 1 otherwise.

    A second import changes nothing. A row that is older than its user in the store does not count.
    """
    _require_other_file(file, rejects_path)
    named = FileForm.of_name(file.name)
    form = ExportFormat(format_) if format_ else named.format if named else None
    rows = RowFile(file, form)
    with ExitStack() as stack:
        rejects = stack.enter_context(rejects_path.open("wb")) if rejects_path else None
        advance = stack.enter_context(_bar(rows, is_shown=not invocation.as_json))
        async with writable_database(invocation) as database:
            order = Import(
                database=database,
                file=rows,
                rules=rules_of(actor(), is_overwriting=is_overwriting),
                is_dry_run=is_dry_run,
                rejects=rejects,
                on_progress=advance,
            )
            report = await import_users(order, target=file.name)
    invocation.show({"file": str(file), **report.as_document()}, table=_table(report, rejects_path))
    return FAILED if report.rejected else DONE


def _require_other_file(file: Path, rejects_path: Path | None) -> None:
    if rejects_path is not None and rejects_path.exists() and rejects_path.samefile(file):
        raise click.UsageError("--rejects would overwrite FILE: name another file")


@contextmanager
def _bar(rows: RowFile, *, is_shown: bool) -> Iterator[Callable[[ImportReport], None]]:
    with progress_bar("importing", total=rows.size_bytes, is_shown=is_shown) as update:

        def advance(report: ImportReport) -> None:
            update(completed=rows.read_bytes, description=f"importing {report.read:,} rows")

        yield advance


def _table(report: ImportReport, rejects_path: Path | None) -> RenderableType:
    counts = facts_table({name: f"{value:,}" for name, value in report.counts().items()})
    parts: list[Any] = [Text("Nothing was written (--dry-run).")] if report.is_dry_run else []
    parts.append(counts)
    if report.rejected:
        rejects = list_table("line", "field", "reason")
        for row in report.rejects[:SHOWN_REJECTS]:
            for error in row.errors:
                rejects.add_row(str(row.line), error.pointer or "/", error.detail)
        where = str(rejects_path) if rejects_path else "--rejects FILE writes all of them"
        parts += [rejects, Text(f"{report.rejected:,} rejected rows: {where}")]
    return Group(*parts)
