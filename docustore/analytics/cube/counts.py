"""The counters of all shares, moved by each share that changes. Pure.

`analytics_values` has one document per value of a dimension:

    {_id: {d: "location", v: "Delft"}, registered: 7, present: 6}

`analytics_series` has one document per value and UTC month, by day and by slot of the registration:

    {_id: {d: "location", v: "Delft", m: "2024-05"}, n: 2, r: {"07": 2}, rs: {"0737": 2}, p: {"07": 1}, ps: {...}}

`r` counts registered users, `p` those of them that are present. The dimension "" counts all users. A multi-valued
dimension has the value "" too: the sum of all its values, since one user has several. `{d: "ended", v: month}`
counts the ends of the users that registered in a month, by month: `{n: 1, e: {"202409": 1}}`.

A value is a part of an `_id` and never of a field path. So every value is counted in full, and none has to be
admitted: what an answer does not name, it sums as `other`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from docustore.analytics.cube.slots import SLOTS_A_DAY, day_of, month_of
from docustore.analytics.dimensions import DIMENSIONS

VALUES: Final = "analytics_values"
SERIES: Final = "analytics_series"
ALL_USERS: Final = ("", "")
ENDED: Final = "ended"
_MULTI: Final = tuple(name for name, dimension in DIMENSIONS.items() if dimension.is_multi_valued)

# A dimension and one of its values.
Key = tuple[str, str]
Increments = dict[str, int]


@dataclass(slots=True)
class CubeCounts:
    """Figures, or a difference of figures; zeros may be there.

    `cells` counts registered and present users by dimension, value and slot of the registration. `ends` counts by
    month of the registration and month of the end.
    """

    cells: dict[tuple[str, str, int | None], list[int]] = field(default_factory=dict)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, share: Mapping[str, Any] | None, sign: int) -> None:
        """Count a share in (1) or out (-1)."""
        if share is None:
            return
        slot = share["registered"]
        present = sign if share["present"] else 0
        for dimension, value in _keys(share["values"]):
            cell = self.cells.get((dimension, value, slot))
            if cell is None:
                self.cells[dimension, value, slot] = [sign, present]
            else:
                cell[0] += sign
                cell[1] += present
        if slot is not None and not share["present"]:
            self.ends[month_of(slot), month_of(share["ended"])] += sign

    def values(self) -> dict[Key, Increments]:
        """Return the increments of `analytics_values`, without zeros."""
        sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
        for (dimension, value, _), (registered, present) in self.cells.items():
            total = sums[dimension, value]
            total[0] += registered
            total[1] += present
        named = {key: _without_zeros(registered=both[0], present=both[1]) for key, both in sums.items()}
        return {key: increments for key, increments in named.items() if increments}

    def series(self) -> dict[tuple[str, str, str], Increments]:
        """Return the increments of `analytics_series`, without zeros."""
        documents: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        for (dimension, value, slot), (registered, present) in self.cells.items():
            if slot is not None and (registered or present):
                day, of_day = divmod(slot, SLOTS_A_DAY)
                month, key = day_of(day)
                document = documents[dimension, value, month]
                if registered:
                    document["n"] += registered
                    document[f"r.{key}"] += registered
                    document[f"rs.{key}{of_day:02}"] += registered
                if present:
                    document[f"p.{key}"] += present
                    document[f"ps.{key}{of_day:02}"] += present
        for (cohort, month), number in self.ends.items():
            document = documents[ENDED, cohort, ""]
            document["n"] += number
            document[f"e.{month.replace('-', '')}"] += number
        named = {key: _without_zeros(**increments) for key, increments in documents.items()}
        return {key: increments for key, increments in named.items() if increments}


def _keys(values: Mapping[str, list[str]]) -> Iterator[Key]:
    yield ALL_USERS
    for dimension, own in values.items():
        for value in own:
            yield dimension, value
    for dimension in _MULTI:
        for _ in values[dimension]:
            yield dimension, ""


def _without_zeros(**increments: int) -> Increments:
    return {name: number for name, number in increments.items() if number}
