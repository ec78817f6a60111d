"""The record of an export: one document of `exports`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

import msgspec

EXPORTS: Final = "exports"
KEPT: Final = timedelta(days=90)


class ExportState(StrEnum):
    """Whether the file of an export is whole.

    An export whose process was killed stays `running`; its file is not complete.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One export.

    `rows`, `bytes` and `sha256` describe the file as it was sent, compressed or not. `sha256` is null until the
    export is complete. `as_of` is the moment whose users the file shows.
    """

    id: str
    state: ExportState
    format: str
    gzip: bool
    full: bool
    filter: dict[str, str]
    actor: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    rows: int
    bytes: int
    sha256: str | None
    error: str | None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Make the record from its document."""
        return cls(
            id=str(stored["_id"]),
            state=ExportState(stored["state"]),
            started_at=stored["at"],
            finished_at=stored.get("finished_at"),
            rows=stored.get("rows", 0),
            bytes=stored.get("bytes", 0),
            sha256=stored.get("sha256"),
            error=stored.get("error"),
            **{name: stored[name] for name in ("format", "gzip", "full", "filter", "actor", "as_of")},
        )
