"""An upstream system of any kind, so that a test can loop over the kinds.

    async with upstream_of(SourceKind.SQL, tmp_path, servers) as upstream:
        await upstream.put([{"id": 1, "email": "a@example.org", ...}])
        run = await run_source(upstream.settings())
        await upstream.put([{"id": 1, "email": "b@example.org", ...}])   # changes record 1
        await upstream.stop()                                            # runs fail as for a system that is down
        await upstream.start()                                           # the same address, the same records

Every record needs `id`, `email`, `first_name`, `last_name` and `modified_at` (RFC 3339).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

Record = dict[str, Any]


class Upstream(ABC):
    """`can_stop`: `stop` makes the system unavailable in a way that a run survives."""

    kind: ClassVar[SourceKind]
    can_stop: ClassVar[bool] = True

    @abstractmethod
    async def put(self, records: Sequence[Record]) -> None:
        """Insert records, or replace those with the same ids."""

    @abstractmethod
    def settings(self, **fields: Any) -> SourceSettings:
        """Return the settings of a source that reads this system."""

    @abstractmethod
    async def stop(self) -> None:
        """Make the system unavailable; its records stay."""

    @abstractmethod
    async def start(self) -> None:
        """Make the system available at the same address again."""


def time_of(record: Record) -> datetime:
    return datetime.fromisoformat(record["modified_at"])


def in_order(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (time_of(record), record["id"]))
