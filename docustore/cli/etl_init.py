"""`docustore etl init`: propose the settings of a source from a sample of it."""

import os
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from docustore.cli.command import Invocation, command
from docustore.cli.etl_source import require_source_name
from docustore.cli.failures import DONE
from docustore.cli.output import print_json
from docustore.config import Settings
from docustore.config_file import config_file
from docustore.errors import ConfigurationError, SourceContentError
from docustore.etl.proposal.columns import columns_of
from docustore.etl.proposal.guess import propose
from docustore.etl.proposal.sample import sample_of
from docustore.etl.proposal.source_table import SourceTable, source_table
from docustore.etl.sources.file import path_of
from docustore.etl.sources.files import is_stored
from docustore.etl.sources.registry import source_by_address
from docustore.recurrence import parse_zone
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

LOCAL_TIME: Final = Path("/etc/localtime")


@command("init", example="docustore etl init people.csv --write")
@click.argument("address", metavar="FILE_OR_URL")
@click.option("--as", "name", help="Name of the source; default: the file's name or the host.")
@click.option("--zone", help="Zone of times without one, such as Europe/Berlin; default: of this machine.")
@click.option("--write", "is_written", is_flag=True, help="Append the proposal to docustore.toml.")
async def init_command(
    invocation: Invocation, *, address: str, name: str | None, zone: str | None, is_written: bool
) -> int:
    """Read a sample and propose the settings of a source, with a mapping."""
    settings = invocation.settings()
    default_name, source = source_by_address(address, required=("email",))
    name = name or default_name
    _require_free_name(settings, name)
    table = await _proposed(name, source, zone=_zone(zone))
    if is_written:
        _append(table.text)
        click.echo(f"Written to {config_file()}. Next: docustore etl preview {name}", err=True)
        click.echo("A service that is running reads the source after a restart.", err=True)
    if invocation.as_json:
        print_json({"source": name, "settings": table.settings, "toml": table.text, "written": is_written})
    else:
        # Not through a console, which would fold long lines.
        click.echo(table.text, nl=False)
    return DONE


async def _proposed(name: str, source: SourceSettings, *, zone: str) -> SourceTable:
    sample, source = await _sampled(name, source)
    if not sample:
        raise SourceContentError(source=name, problem="it has no record that can be read, so nothing is proposed")
    proposal = propose(columns_of(sample), records=len(sample), zone=zone)
    is_file = source.kind is SourceKind.FILE and not is_stored(source.url)
    url = str(path_of(source.url).resolve()) if is_file else _without_password(name, source.url)
    settings = {"kind": source.kind.value, "url": url, "required": proposal.required}
    if "records_key" in source.model_fields_set:
        settings["records_key"] = source.records_key
        proposal.remarks.append(
            "unsure: how the service gives further pages; set `paging`, or only the first page is read"
        )
    table = source_table(name, settings, proposal, records=len(sample))
    # What a later start would refuse is a bug here, not a surprise there.
    SourceSettings.model_validate(tomllib.loads(table.text)["sources"][name])
    return table


async def _sampled(name: str, source: SourceSettings) -> tuple[list[dict[str, Any]], SourceSettings]:
    """Read a sample, of a service with other names from where its records are."""
    try:
        return await sample_of(name, source), source
    except SourceContentError as exc:
        if exc.records_key is None:
            raise
        found = source.model_copy(update={"records_key": exc.records_key})
        return await sample_of(name, found), found


def _without_password(name: str, url: str) -> str:
    """Replace an address with a password by the name of a variable."""
    if "://" not in url or urlsplit(url).password is None:
        return url
    variable = f"{name.upper().replace('-', '_')}_URL"
    click.echo(f"The address has a password: set it as the environment variable {variable}.", err=True)
    return f"env:{variable}"


def _require_free_name(settings: Settings, name: str) -> None:
    require_source_name(name)
    if name in settings.sources:
        raise ConfigurationError(
            setting=f"sources.{name}",
            problem="is configured already; change it by hand, or pass --as with another name",
        )


def _append(text: str) -> None:
    """Append to the configuration file, if the result is a file that can be read.

    Raises:
        ConfigurationError: The file cannot be written, or would be malformed.
    """
    path = config_file()
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        added = ("\n" if before.endswith("\n") else "\n\n") * bool(before) + text
        tomllib.loads(before + added)
        with path.open("a", encoding="utf-8") as file:
            file.write(added)
    except tomllib.TOMLDecodeError as exc:
        problem = f"the table cannot be appended ({exc}); add the printed table by hand, without --write"
        raise ConfigurationError(setting=str(path), problem=problem) from exc
    except OSError as exc:
        raise ConfigurationError(setting=str(path), problem=f"cannot be written: {exc.strerror}") from exc


def _zone(given: str | None) -> str:
    name = given or os.environ.get("TZ", "").lstrip(":") or _zone_of_machine()
    try:
        return parse_zone(name).key
    except ValueError as exc:
        if given is None:
            return "UTC"
        raise ConfigurationError(setting="--zone", problem=str(exc)) from exc


def _zone_of_machine() -> str:
    return str(LOCAL_TIME.resolve()).partition("/zoneinfo/")[2]
