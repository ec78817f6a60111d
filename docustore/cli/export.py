"""`docustore export`: write users, or the warehouse, as files."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.export_filter import user_filter
from docustore.cli.export_warehouse import warehouse
from docustore.cli.output import notices
from docustore.cli.progress import progress_bar
from docustore.cli.store import command_database
from docustore.cli.tables import facts_table
from docustore.database import Database
from docustore.errors import ConfigurationError
from docustore.exports.export import Export, begin_export
from docustore.exports.formats import ExportFormat, FileForm
from docustore.exports.order import ExportOrder
from docustore.users.listing import Counting, UserFilter, count_users
from docustore.users.stored import USERS

STDOUT: Final = "-"
PART_SUFFIX: Final = ".part"
# Only its owner reads a file with password hashes.
PRIVATE: Final = 0o600
PUBLIC: Final = 0o666


@command("export", example="docustore export --format csv --filter status=active -o users.csv.gz")
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in ExportFormat]),
    help="Default: what the name of FILE says, else ndjson.",
)
@click.option("--gzip", "is_gzip", is_flag=True, help="Compress; a FILE that ends in .gz always is.")
@click.option(
    "--filter",
    "filters",
    metavar="NAME=VALUE",
    multiple=True,
    help="Only such users; repeatable. Names: those of `GET /users`, such as created_at[gte].",
)
@click.option(
    "--full",
    "is_full",
    is_flag=True,
    help="For a restore: all users as stored, with identities and password hashes.",
)
@click.option("-o", "--output", metavar="FILE", default=STDOUT, help="Default: stdout.")
async def export_users(
    invocation: Invocation,
    *,
    format_: str | None,
    is_gzip: bool,
    filters: tuple[str, ...],
    is_full: bool,
    output: str,
) -> None:
    """Write users as they are at one moment; `docustore import` reads them back."""
    if output == STDOUT and invocation.as_json:
        raise click.UsageError("--json prints the result on stdout: name a file with -o")
    order = ExportOrder(which=user_filter(filters), form=_form(format_, output, is_gzip=is_gzip), is_full=is_full)
    # The file first: an export that has no place for its users is not begun.
    with _opened(output, is_private=is_full) as stream:
        async with command_database(invocation) as database:
            export = await begin_export(database, order, actor=actor())
            total = await _count(database, order)
            with progress_bar("exporting", total=total, is_shown=not invocation.as_json) as update:
                await _write(export, stream, update)
    _show(invocation, export, output)


async def _write(export: Export, stream: BinaryIO, update: Callable[..., None]) -> None:
    # Closed here: an export that a full disk has ended is recorded while the store is connected.
    async with aclosing(export.chunks()) as chunks:
        async for chunk in chunks:
            stream.write(chunk)
            update(completed=export.tally.rows)


# Without a subcommand it writes users.
@click.group("export", params=export_users.params, invoke_without_command=True, epilog=export_users.epilog)
@click.pass_context
def export(ctx: click.Context, /, **options: Any) -> Any:
    """Write users as they are at one moment; `docustore import` reads them back."""
    callback = export_users.callback
    return callback(**options) if callback is not None and ctx.invoked_subcommand is None else None


export.add_command(warehouse)


def _form(format_: str | None, output: str, *, is_gzip: bool) -> FileForm:
    named = FileForm.of_name(output)
    given = ExportFormat(format_) if format_ else named.format if named else ExportFormat.NDJSON
    return FileForm(format=given, is_gzip=is_gzip or output.lower().endswith(".gz"))


async def _count(database: Database, order: ExportOrder) -> int:
    if order.is_full or order.which == UserFilter():
        return await database[USERS].estimated_document_count()
    return await count_users(order.which, counting=Counting.EXACT)


@contextmanager
def _opened(output: str, *, is_private: bool) -> Iterator[BinaryIO]:
    """Open the file of an export: a name for it exists only once it is complete.

    A device or a pipe is written as it is.

    Raises:
        ConfigurationError: No file can be written there.
    """
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    if _is_stream(Path(output)):
        # A device or a pipe, such as /dev/stdout: a rename would replace it by a file.
        with _writable(output) as stream:
            yield stream
        return
    # The name of a link stays one: the file that it names is replaced.
    target = Path(os.path.realpath(output))
    part = target.with_name(f"{target.name}{PART_SUFFIX}")
    descriptor = _descriptor(part, output, mode=PRIVATE if is_private else PUBLIC)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            # While the lock is held: another export must not write into a file that has its name already.
            part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _writable(output: str) -> BinaryIO:
    try:
        return open(output, "wb")  # noqa: PTH123  # its caller closes it
    except OSError as exc:
        raise _unwritable(output, exc) from exc


def _unwritable(output: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(setting="--output", problem=f"cannot write {output}: {error.strerror or error}")


def _descriptor(part: Path, output: str, *, mode: int) -> int:
    if Path(output).is_dir():
        raise ConfigurationError(setting="--output", problem=f"{output} is a folder; name a file in it")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, mode)
    except OSError as exc:
        raise _unwritable(output, exc) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_own = os.path.samestat(os.fstat(descriptor), part.stat())
    except (BlockingIOError, FileNotFoundError):
        is_own = False
    if not is_own:
        os.close(descriptor)
        raise ConfigurationError(setting="--output", problem=f"another export writes {output}: wait for it")
    os.ftruncate(descriptor, 0)
    if mode == PRIVATE:
        # A killed export may have left the file for everyone to read.
        os.fchmod(descriptor, PRIVATE)
    return descriptor


def _show(invocation: Invocation, export: Export, output: str) -> None:
    document: dict[str, Any] = {
        "id": str(export.id),
        "file": output,
        "rows": export.tally.rows,
        "bytes": export.tally.size_bytes,
        "sha256": export.tally.sha256,
        "as_of": export.moment.as_of,
        **export.order.as_document(),
    }
    shown = {name: document[name] for name in ("file", "rows", "bytes", "sha256", "as_of")}
    table = facts_table(
        {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in shown.items()}
    )
    if output == STDOUT:
        notices().print(table)
        return
    invocation.show(msgspec.to_builtins(document), table=table)
