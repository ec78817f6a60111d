"""The kinds of sources: open one by its settings, or describe one by its address."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

from pydantic import ValidationError

from docustore.config_loading import configuration_error
from docustore.errors import ConfigurationError
from docustore.etl.sources.files import FilesSource
from docustore.etl.sources.http import HttpSource
from docustore.etl.sources.mongodb import MongodbSource
from docustore.etl.sources.mongodb_live import MongodbLiveSource
from docustore.etl.sources.scim import ScimSource
from docustore.etl.sources.source import Source
from docustore.etl.sources.sql import SqlSource
from docustore.source_options.kind import SourceKind
from docustore.source_options.secret import is_reference
from docustore.source_settings import SourceSettings

# Every kind has a contract test: tests/integration/etl/test_source_contract.py.
SOURCES: Final[Mapping[SourceKind, type[Source]]] = {
    SourceKind.FILE: FilesSource,
    SourceKind.HTTP: HttpSource,
    SourceKind.MONGODB: MongodbSource,
    SourceKind.SCIM: ScimSource,
    SourceKind.SQL: SqlSource,
}


def open_source(name: str, settings: SourceSettings, *, page_size: int) -> AbstractAsyncContextManager[Source]:
    """Open a source for the length of one run.

    Args:
        page_size: Records per page, for kinds whose settings do not say it.

    Raises:
        ConfigurationError: The settings name something that does not exist, such as a missing file.
    """
    kind = MongodbLiveSource if settings.live else SOURCES[settings.kind]
    return kind.open(name, settings, page_size=page_size)


def source_by_address(address: str, *, required: tuple[str, ...]) -> tuple[str, SourceSettings]:
    """Name and describe a source that is given as a path or an address.

    Returns:
        The name under which its identities are kept (of the file, or the host), and its settings.

    Raises:
        ConfigurationError: No kind reads such addresses, the address names no host, or `required` names an
            unknown field.
    """
    kind = _kind_of(address)
    try:
        settings = SourceSettings(kind=kind, url=address, schedule="off", required=required)
    except ValidationError as exc:
        raise configuration_error(exc, within="source") from exc
    return SOURCES[kind].name_of(address), settings


def place_of(settings: SourceSettings) -> str:
    """Return the address of a source in one form, without secrets, for comparisons."""
    if settings.kind is not SourceKind.FILE and is_reference(settings.url):
        return settings.url
    return SOURCES[settings.kind].place_of(settings.url)


def _kind_of(address: str) -> SourceKind:
    start, separator, _ = address.partition("://")
    scheme = start.lower() if separator else ""
    for kind, source in SOURCES.items():
        if scheme in source.schemes:
            return kind
    known = sorted(f"{name}://" for source in SOURCES.values() for name in source.schemes if name)
    problem = f"no source reads {scheme}:// addresses; give a path, or an address with {', '.join(known)}"
    raise ConfigurationError(setting="source", problem=problem)
