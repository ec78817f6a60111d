"""Read a sample of an upstream system, with its own names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from docustore.etl.models import Window
from docustore.etl.records import RecordRejectedError, parse_object
from docustore.etl.sources.csv_columns import ColumnNames
from docustore.etl.sources.csv_file import CsvOptions
from docustore.etl.sources.files import open_files
from docustore.etl.sources.registry import open_source
from docustore.etl.sources.source import Source
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

SAMPLE_RECORDS: Final = 500


async def sample_of(name: str, source: SourceSettings) -> list[dict[str, Any]]:
    """Read the first records; those that cannot be read are left out.

    Raises:
        DocustoreError: The source cannot be read.
    """
    found: list[dict[str, Any]] = []
    read = 0
    async with _opened(name, source) as opened:
        async for page in opened.pages(Window(), after=None):
            for number, raw in enumerate(page.records, start=page.first):
                if number in page.faults:
                    continue
                try:
                    found.append(parse_object(raw))
                except RecordRejectedError:
                    continue
            read += len(page.records)
            if read >= SAMPLE_RECORDS:
                break
    return found[:SAMPLE_RECORDS]


@asynccontextmanager
async def _opened(name: str, source: SourceSettings) -> AsyncIterator[Source]:
    if source.kind is SourceKind.FILE:
        # The columns of a table keep their names, because the proposal names them.
        options = CsvOptions(delimiter=source.delimiter, encoding=source.encoding, naming=ColumnNames(kept=None))
        async with open_files(name, source, options, page_size=SAMPLE_RECORDS) as files:
            yield files
        return
    async with open_source(name, source, page_size=SAMPLE_RECORDS) as opened:
        yield opened
