"""What every source delivers: pages of raw records, in an order that can be taken up again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from docustore.etl.models import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records, as bytes of one JSON value each.

    `first` is the number of the first record within the run's input, from 1 (a line number, for line-based
    files). `resume` is the mark from which reading goes on behind this page.
    """

    records: Sequence[bytes]
    first: int
    resume: str


class Source(Protocol):
    """An upstream system that is open for one run."""

    async def clock(self) -> datetime:
        """Return the source's present time, aware: the upper bound of the run's window.

        Raises:
            SourceUnavailableError: It does not answer.
            SourceRejectedError: It refuses.
            SourceContentError: It answers something that cannot be records.
        """
        ...

    def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read the records modified within the window, from the mark of an earlier page if there is one.

        Raises:
            The same as `clock`.
        """
        ...
