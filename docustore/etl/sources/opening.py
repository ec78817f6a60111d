"""Open a source by its settings, or make settings for an address given by hand."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from docustore.config import configuration_error
from docustore.errors import ConfigurationError
from docustore.etl.sources.file import FileSource, path_of
from docustore.etl.sources.http import open_http_source
from docustore.etl.sources.page import Source
from docustore.source_settings import SourceKind, SourceSettings

# Files given by hand share one name: yesterday's and today's export hold the same identities.
FILE_SOURCE_NAME: Final = "file"
READ_SCHEMES: Final = frozenset({"file", "http", "https"})
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9]+")


@asynccontextmanager
async def open_source(name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Source]:
    """Open a source for the length of one run.

    Args:
        page_size: Records per page of sources that leave it to us.

    Raises:
        ConfigurationError: The settings lead nowhere, such as a path without a file.
    """
    if settings.kind is SourceKind.HTTP:
        async with open_http_source(name, settings) as source:
            yield source
    else:
        yield FileSource(name, path_of(settings.url), page_size=page_size)


def source_by_address(address: str, *, required: tuple[str, ...]) -> tuple[str, SourceSettings]:
    """Name and describe a source given as a path, a file:// or an http(s):// address.

    Returns:
        The name under which its identities are kept (`file`, or the host of an address), and its settings.

    Raises:
        ConfigurationError: Nothing reads such addresses, the address names no host, or `required` no field.
    """
    scheme, separator, _ = address.partition("://")
    if separator and scheme.lower() not in READ_SCHEMES:
        problem = f"nothing reads {scheme}:// addresses; give a path, or a file://, http:// or https:// address"
        raise ConfigurationError(setting="source", problem=problem)
    is_http = address.lower().startswith(("http://", "https://"))
    kind = SourceKind.HTTP if is_http else SourceKind.FILE
    try:
        settings = SourceSettings(kind=kind, url=address, schedule="off", required=required)
    except ValidationError as exc:
        raise configuration_error(exc, within="source") from exc
    if not is_http:
        return FILE_SOURCE_NAME, settings
    host = urlsplit(address).netloc.rpartition("@")[2]
    return _NOT_IN_A_NAME.sub("-", host.lower()).strip("-"), settings
