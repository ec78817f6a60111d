"""Records from a collection of another MongoDB.

Documents are read in the order of (modified, `_id`), in batches that each start after the last document. Documents
whose field `modified` is no date are read by every run, first. Without the setting `modified`, every run reads all
documents, in the order of `_id`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from bson import json_util
from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError as DriverConfigurationError
from pymongo.errors import InvalidURI, OperationFailure, PyMongoError

from docustore.clock import as_utc
from docustore.errors import ConfigurationError, DocustoreError, SourceContentError, SourceUnavailableError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import host_name, name_from, place_without_secrets
from docustore.etl.sources.mongodb_document import document_record
from docustore.etl.sources.source import BadRecord, Page, Source
from docustore.source_options.address import address_problem, mongodb_place
from docustore.source_options.secret import revealed
from docustore.source_settings import SourceSettings
from docustore.transient import UNAUTHORIZED, is_transient

# Another code than `UNAUTHORIZED`, which is for rights that the account lacks.
AUTHENTICATION_FAILED: Final = 18
TIMEOUT_MS: Final = 30_000

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was read: the number, the part, and time and id of the last document."""

    number: int = 0
    is_dated: bool = False
    last: tuple[Any, Any] | None = None

    def __str__(self) -> str:
        return json_util.dumps([self.number, self.is_dated, self.last], json_options=_MARKS)

    @classmethod
    def of(cls, text: str | None) -> "_Mark":
        return cls(*json_util.loads(text, json_options=_MARKS)) if text else cls()


_MARKS: Final = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)


class MongodbSource(Source):
    """The documents of one collection."""

    schemes: ClassVar[frozenset[str]] = frozenset({"mongodb", "mongodb+srv"})
    reads_window = True
    # Whether a field such as `external_id` is the id of a record, and `_id` only where there is none.
    uses_own_ids = True

    def __init__(
        self, name: str, settings: SourceSettings, collection: AsyncCollection[Document], *, page_size: int
    ) -> None:
        self._name = name
        self._collection = collection
        self._modified = settings.modified
        self._page_size = page_size
        self.reads_window = settings.modified is not None

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Connect to the server."""
        url = revealed(settings.url, setting=f"sources.{name}.url")
        place = mongodb_place(url)
        if place is None:
            raise ConfigurationError(
                setting=f"sources.{name}.url", problem=address_problem(settings.kind, url) or "malformed"
            )
        try:
            client: AsyncMongoClient[Document] = AsyncMongoClient(
                url,
                tz_aware=True,
                datetime_conversion="DATETIME_AUTO",
                appname="docustore-etl",
                serverSelectionTimeoutMS=TIMEOUT_MS,
            )
        except (InvalidURI, DriverConfigurationError, ValueError) as exc:
            # The driver's text may quote the address.
            raise ConfigurationError(
                setting=f"sources.{name}.url", problem="the driver refuses the address"
            ) from exc
        async with client:
            database, collection = place
            yield cls(name, settings, client[database][collection], page_size=page_size)

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a source after its host and collection."""
        return name_from("-".join((host_name(address), *(mongodb_place(address) or ()))))

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return hosts, database and collection."""
        return place_without_secrets(address)

    async def clock(self) -> datetime:
        """Return the server's time; refuse a collection that does not exist."""
        try:
            hello = await self._collection.database.command("hello")
            await self._require_collection()
        except PyMongoError as exc:
            raise self._translated(exc) from exc
        return as_utc(hello["localTime"])

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read the documents after the mark, batch by batch."""
        mark = _Mark.of(after)
        while True:
            try:
                documents = await self._batch(window, mark)
            except PyMongoError as exc:
                raise self._translated(exc) from exc
            if documents:
                first, mark = mark.number + 1, self._mark_after(documents, mark)
                yield document_page(
                    documents, first, str(mark), modified=self._modified or "", uses_own_ids=self.uses_own_ids
                )
            if len(documents) < self._page_size:
                if mark.is_dated or self._modified is None:
                    return
                mark = _Mark(mark.number, is_dated=True)

    @staticmethod
    def start_after(number: int) -> str:
        """Return the mark of a reading that starts after other records."""
        return str(_Mark(number))

    async def _batch(self, window: Window, mark: _Mark) -> list[Document]:
        order = [("_id", ASCENDING)]
        if self._modified is not None and mark.is_dated:
            order = [(self._modified, ASCENDING), *order]
        return await self._collection.find(self._filter(window, mark), sort=order).limit(self._page_size).to_list()

    def _filter(self, window: Window, mark: _Mark) -> Document:
        # `$expr` compares ids of different types in the order of the index. `$gt` alone finds one type only.
        modified, last_id = mark.last or (None, None)
        later_id: Document = {"$expr": {"$gt": ["$_id", {"$literal": last_id}]}} if mark.last else {}
        if self._modified is None:
            return later_id
        if not mark.is_dated:
            return {self._modified: {"$not": {"$type": "date"}}, **later_id}
        bounds: Document = {"$type": "date"}
        if window.since is not None:
            bounds["$gte"] = window.since
        if window.until is not None:
            bounds["$lt"] = window.until
        if mark.last is None:
            return {self._modified: bounds}
        later = [{self._modified: {"$gt": modified}}, {self._modified: modified, **later_id}]
        return {self._modified: bounds, "$or": later}

    def _mark_after(self, documents: list[Document], mark: _Mark) -> _Mark:
        last = documents[-1]
        time = value_of(last, self._modified) if mark.is_dated and self._modified else None
        return _Mark(mark.number + len(documents), mark.is_dated, (time, last["_id"]))

    async def _require_collection(self) -> None:
        name = self._collection.name
        try:
            found = await self._collection.database.list_collection_names(filter={"name": name})
        except OperationFailure as exc:
            # An account may read the collection without the right to list collections.
            if exc.code != UNAUTHORIZED:
                raise
            return
        if not found:
            problem = f"there is no collection {self._collection.full_name}"
            raise ConfigurationError(setting=f"sources.{self._name}.url", problem=problem)

    def _translated(self, error: PyMongoError) -> DocustoreError:
        if is_transient(error):
            return SourceUnavailableError(source=self._name, reason=type(error).__name__)
        code = error.code if isinstance(error, OperationFailure) else None
        if code in {UNAUTHORIZED, AUTHENTICATION_FAILED}:
            problem = f"the server refuses the account (code {code}); check user, password and authSource"
            return ConfigurationError(setting=f"sources.{self._name}.url", problem=problem)
        return SourceContentError(
            source=self._name, problem=f"the server answered {type(error).__name__}, code {code}"
        )


def value_of(document: Document, path: str) -> Any:
    """Return the value at a dotted path; None if it is missing."""
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def document_page(
    documents: list[Document], first: int, resume: str, *, modified: str, uses_own_ids: bool
) -> Page:
    """Return documents as a page.

    Args:
        modified: The path of the time of a document; empty without one.
    """
    records = [
        document_record(document, value_of(document, modified), uses_own_id=uses_own_ids) for document in documents
    ]
    faults = {
        number: record.error for number, record in enumerate(records, start=first) if isinstance(record, BadRecord)
    }
    raw = [record.raw if isinstance(record, BadRecord) else record for record in records]
    return Page(records=raw, first=first, resume=resume, faults=faults)
