"""Select quarantine entries: some by id, or all that match a filter."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from docustore.database import Database
from docustore.errors import NotFoundError
from docustore.etl.models import QUARANTINE, QuarantineState

OPEN = (QuarantineState.OPEN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The entries with these ids, or all that match every given filter.

    `code` is the code of one of the reasons, `run_id` the last run that read the record. `states` are the states
    that the action accepts.
    """

    ids: tuple[str, ...] = ()
    source: str | None = None
    code: str | None = None
    run_id: str | None = None
    states: tuple[QuarantineState, ...] = OPEN

    @property
    def query(self) -> dict[str, Any]:
        """Return the filter of the entries."""
        given = {"source": self.source, "errors.code": self.code, "run_id": self.run_id}
        which: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.ids:
            which["_id"] = {"$in": [ObjectId(entry_id) for entry_id in self.ids]}
        return {**which, "state": {"$in": [state.value for state in self.states]}}

    @property
    def target(self) -> str:
        """Name the entries for the audit log."""
        if len(self.ids) == 1:
            return f"{QUARANTINE}/{self.ids[0]}"
        given = {"ids": len(self.ids) or None, "source": self.source, "code": self.code, "run": self.run_id}
        words = [f"{name}={value}" for name, value in given.items() if value is not None]
        return f"{QUARANTINE}?{'&'.join(words)}" if words else QUARANTINE


async def require_known(database: Database, selection: Selection) -> None:
    """Check that there are entries with all ids of a selection.

    Raises:
        NotFoundError: There is no such entry.
    """
    for entry_id in selection.ids:
        found = (
            await database[QUARANTINE].find_one({"_id": ObjectId(entry_id)}, {"_id": 1})
            if ObjectId.is_valid(entry_id)
            else None
        )
        if found is None:
            raise NotFoundError(kind="quarantined record", id=entry_id)
