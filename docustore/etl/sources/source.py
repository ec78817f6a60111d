"""A kind of source: a class that reads raw records from an upstream system.

A new kind is one subclass of `Source`, one line in `registry.py` (with its name in `SourceKind`), and one subclass
of the contract test in `tests/integration/etl/test_source_contract.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from docustore.errors import FieldError
from docustore.etl.models import Window
from docustore.source_settings import SourceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record that the source cannot read: its bytes, and the reason."""

    raw: bytes
    error: FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far a reading is: `done` of `total` units.

    `total` is None if the source does not know it.
    """

    done: int
    total: int | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records, each as the bytes of one JSON value.

    `faults` are the records that the source cannot read, by number; their bytes are no JSON value. `first` is the
    number of the first record within the run's input, from 1 (a line number, for line-based files). `resume` is
    the mark after this page: a reading that starts from it delivers exactly the rest. `extent` is how far the
    reading is after this page, for people.
    """

    records: Sequence[bytes]
    first: int
    resume: str
    faults: Mapping[int, FieldError] = field(default_factory=dict)
    extent: Extent | None = None


class Source(ABC):
    """An upstream system that is open for one run.

    `schemes` are the schemes of the addresses that this kind reads, such as `https`; the empty one is a path.
    `reads_window` tells whether `pages` delivers only records of the window. A kind that ignores the window
    delivers all records, and the classification finds the unchanged ones. Settings may decide it for one source.
    `left_out_known` is set by a reading that left out what earlier runs have loaded, such as an unchanged file.
    """

    schemes: ClassVar[frozenset[str]]
    reads_window: bool
    left_out_known: bool = False

    @classmethod
    @abstractmethod
    def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AbstractAsyncContextManager["Source"]:
        """Open the source for the length of one run.

        Args:
            page_size: Records per page, for kinds whose settings do not say it.
        """

    @classmethod
    @abstractmethod
    def name_of(cls, address: str) -> str:
        """Name a source that is given by its address.

        The name is the first half of its identity keys.
        """

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return the address in one comparable form, without secrets."""
        return address

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take what the last successful run gave to remember; called before `clock`.

        A source that recalls nothing reads everything, as `--full` does.
        """
        del memory

    def to_remember(self) -> dict[str, Any] | None:
        """Return what the next run may leave out; None keeps the last memory.

        Called after the last page. The plain values are stored only if the run succeeds.
        """
        return None

    @abstractmethod
    async def clock(self) -> datetime:
        """Return the source's present time in UTC: the upper bound of the run's window.

        Raises:
            SourceUnavailableError: The source does not answer.
            SourceRejectedError: The source refuses the request.
            SourceContentError: The answer cannot be records.
            ConfigurationError: The settings name something that does not exist, such as a missing file.
        """

    @abstractmethod
    def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read the records modified within the window.

        Args:
            after: The mark of an earlier page; reading starts after that page. None is the start.

        Raises:
            The same as `clock`. A source retries short failures itself, because an error that it raises ends the
            attempt at the run. After a RetryableError or a transient PyMongoError, the run is resumed later.
        """
