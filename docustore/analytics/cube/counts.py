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

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from docustore.analytics.cube.slots import key_of, month_of
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
        sums: dict[Key, list[int]] = {}
        for (dimension, value, _), (registered, present) in self.cells.items():
            total = sums.setdefault((dimension, value), [0, 0])
            total[0] += registered
            total[1] += present
        named = {key: {"registered": both[0], "present": both[1]} for key, both in sums.items() if any(both)}
        return {key: _without_zeros(increments) for key, increments in named.items()}

    def series(self) -> dict[tuple[str, str, str], Increments]:
        """Return the increments of `analytics_series`, without zeros."""
        documents: dict[tuple[str, str, str], Increments] = {}
        for (dimension, value, slot), (registered, present) in self.cells.items():
            if slot is None or not (registered or present):
                continue
            names = _names_of(slot)
            document = documents.setdefault((dimension, value, names.month), {})
            if registered:
                for name in names.registered:
                    document[name] = document.get(name, 0) + registered
            if present:
                for name in names.present:
                    document[name] = document.get(name, 0) + present
        for (cohort, month), number in self.ends.items():
            if number:
                document = documents.setdefault((ENDED, cohort, ""), {"n": 0})
                document["n"] += number
                document[f"e.{month.replace('-', '')}"] = number
        named = {key: _without_zeros(increments) for key, increments in documents.items()}
        return {key: increments for key, increments in named.items() if increments}


class _Names(NamedTuple):
    """The document and the fields that a slot counts in."""

    month: str
    registered: tuple[str, str, str]
    present: tuple[str, str]


# A user counts in a dozen documents, each time with the same names.
@lru_cache(maxsize=8192)
def _names_of(slot: int) -> _Names:
    month, key = month_of(slot), key_of(slot)
    return _Names(month, ("n", f"r.{key[:2]}", f"rs.{key}"), (f"p.{key[:2]}", f"ps.{key}"))


def _keys(values: Mapping[str, list[str]]) -> Iterator[Key]:
    yield ALL_USERS
    for dimension, own in values.items():
        for value in own:
            yield dimension, value
    for dimension in _MULTI:
        for _ in values[dimension]:
            yield dimension, ""


def _without_zeros(increments: Increments) -> Increments:
    return {name: number for name, number in increments.items() if number}
