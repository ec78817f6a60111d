"""Changes of status, counted from the rows of history. Pure.

A row whose change set the status counts for the slot of its time, whatever becomes of the user. Registrations,
deletions and returns are no transitions. `analytics_series` holds them by UTC month:

    {_id: {d: "transition", v: "active>inactive", m: "2024-05"}, n: 2, r: {"07": 2}, rs: {"0737": 2}}
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from docustore.analytics.cube.slots import SLOT_MS, SLOTS_A_DAY, day_of
from docustore.analytics.marts import KNOWN_STATUSES, OTHER_STATUS, unix_ms
from docustore.analytics.pipelines import counted_status_expression

TRANSITION: Final = "transition"
_ARROW: Final = ">"
_COUNTED: Final = (*KNOWN_STATUSES, OTHER_STATUS)

ROW_FILTER: Final[Mapping[str, Any]] = {"changes.status": {"$exists": True}}
# The server computes it: a status that another client wrote may be no value that the driver decodes.
ROW_PROJECTION: Final[Mapping[str, Any]] = {
    "transition": {
        "$cond": [
            {
                "$and": [
                    {"$eq": [{"$type": "$changes.status"}, "object"]},
                    # A value that is too large to be kept twice was no word, before and after.
                    {"$ne": ["$changes.status.omitted", True]},
                    {"$ne": [{"$type": "$after"}, "null"]},
                ]
            },
            {
                "from": counted_status_expression("$changes.status.before"),
                "to": counted_status_expression("$changes.status.after"),
            },
            None,
        ]
    }
}


class Transition(NamedTuple):
    """From one status to another one."""

    before: str
    after: str

    @property
    def value(self) -> str:
        """The stored form."""
        return f"{self.before}{_ARROW}{self.after}"


TRANSITIONS: Final = tuple(
    Transition(before, after) for before in _COUNTED for after in _COUNTED if before != after
)


def transition_increments(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], dict[str, int]]:
    """Return increments of `analytics_series`.

    Args:
        rows: As `ROW_PROJECTION` reads them.
    """
    documents: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        found, ms = row.get("transition"), unix_ms(row["valid_from"])
        if found is None or ms is None or found["from"] == found["to"]:
            continue
        day, of_day = divmod(ms // SLOT_MS, SLOTS_A_DAY)
        month, key = day_of(day)
        value = Transition(found["from"], found["to"]).value
        documents[TRANSITION, value, month].update(("n", f"r.{key}", f"rs.{key}{of_day:02}"))
    return {key: dict(increments) for key, increments in documents.items()}
