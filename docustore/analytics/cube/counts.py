"""The counters of all shares, moved by each share that changes. Pure.

`analytics_values` has one document per value of a dimension, with the months of the registrations by year:

    {_id: {d: "location", v: "Delft"}, registered: 7, present: 6, y2024: {r05: 2, p05: 1}}

`analytics_series` has one document per value and UTC month, by day and by slot of the registration:

    {_id: {d: "location", v: "Delft", m: "2024-05"}, n: 2, r: {"07": 2}, rs: {"0737": 2}, p: {"07": 1}, ps: {...},
     e: {"202409": 1}}

`r` counts registered users, `p` those of them that are present, `e` the ends of the others by month. The dimension
"" counts all users. A multi-valued dimension has the value "" too: the sum of all its values, since one user has
several. The ends of all users are in `{d: "ended", v: month}`: `{n: 1, e: {"202409": 1}}`.

The years of `analytics_values` repeat the sums of the months, so that an answer over years reads one document per
value. They and the ends by value count only shares of the present `SHAPE`: a store of an older release has them
when the effect has made every share again.

A value is a part of an `_id` and never of a field path. So every value is counted in full, and none has to be
admitted: what an answer does not name, it sums as `other`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

from docustore.analytics.cube.share import SHAPE
from docustore.analytics.cube.slots import key_of, month_of
from docustore.analytics.dimensions import DIMENSIONS

VALUES: Final = "analytics_values"
SERIES: Final = "analytics_series"
ALL_USERS: Final = ("", "")
ENDED: Final = "ended"
_MULTI: Final = tuple(name for name, dimension in DIMENSIONS.items() if dimension.is_multi_valued)

# The first and the last year whose months are kept by value.
FIRST_YEAR: Final = "1900"
LAST_YEAR: Final = "2200"

# A dimension and one of its values.
Key = tuple[str, str]
Increments = dict[str, int]
Cells = dict[tuple[str, str, int | None], list[int]]
AnyKey = TypeVar("AnyKey", bound=tuple[str, ...])


@dataclass(slots=True)
class CubeCounts:
    """Figures, or a difference of figures; zeros may be there.

    `cells` counts registered and present users by dimension, value and slot of the registration; `older` those of
    shares of an older shape. `ends` counts by dimension, value, month of the registration and month of the end.
    """

    cells: Cells = field(default_factory=dict)
    older: Cells = field(default_factory=dict)
    ends: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, share: Mapping[str, Any] | None, sign: int) -> None:
        """Count a share in (1) or out (-1)."""
        if share is None:
            return
        slot = share["registered"]
        is_present, is_older = share["present"], share.get("shape") != SHAPE
        present = sign if is_present else 0
        cells = self.older if is_older else self.cells
        keys = _keys(share["values"])
        for dimension, value in keys:
            cell = cells.get((dimension, value, slot))
            if cell is None:
                cells[dimension, value, slot] = [sign, present]
            else:
                cell[0] += sign
                cell[1] += present
        if slot is not None and not is_present:
            cohort, month = month_of(slot), month_of(share["ended"])
            for dimension, value in keys[:1] if is_older else keys:
                self.ends[dimension, value, cohort, month] += sign

    def values(self) -> dict[Key, Increments]:
        """Return the increments of `analytics_values`, without zeros."""
        documents: dict[Key, Increments] = defaultdict(lambda: defaultdict(int))
        for (dimension, value, slot), (registered, present) in self.cells.items():
            document = documents[dimension, value]
            document["registered"] += registered
            document["present"] += present
            if slot is not None and (names := _names_of(slot)).of_year is not None:
                document[names.of_year[0]] += registered
                document[names.of_year[1]] += present
        for (dimension, value, _), (registered, present) in self.older.items():
            document = documents[dimension, value]
            document["registered"] += registered
            document["present"] += present
        return _without_zeros(documents)

    def series(self) -> dict[tuple[str, str, str], Increments]:
        """Return the increments of `analytics_series`, without zeros."""
        documents: dict[tuple[str, str, str], Increments] = defaultdict(lambda: defaultdict(int))
        for (dimension, value, slot), (registered, present) in chain(self.cells.items(), self.older.items()):
            if slot is None or not (registered or present):
                continue
            names = _names_of(slot)
            document = documents[dimension, value, names.month]
            if registered:
                for name in names.registered:
                    document[name] += registered
            if present:
                for name in names.present:
                    document[name] += present
        for (dimension, value, cohort, month), number in self.ends.items():
            if (dimension, value) == ALL_USERS:
                document = documents[ENDED, cohort, ""]
                document["n"] += number
            else:
                document = documents[dimension, value, cohort]
            document[f"e.{month.replace('-', '')}"] += number
        return _without_zeros(documents)


def is_kept_year(year: str) -> bool:
    """Tell whether the months of a year are kept beside the totals of a value.

    Other clients may write any time, and a document must not grow with it. Reports ask for these years.
    """
    return FIRST_YEAR <= year <= LAST_YEAR


def year_field(year: str) -> str:
    """Name the months of a year in a document of `analytics_values`."""
    return f"y{year}"


class _Names(NamedTuple):
    """The documents and the fields that a slot counts in."""

    month: str
    registered: tuple[str, str, str]
    present: tuple[str, str]
    of_year: tuple[str, str] | None


# A user counts in a dozen documents, each time with the same names.
@lru_cache(maxsize=8192)
def _names_of(slot: int) -> _Names:
    month, key = month_of(slot), key_of(slot)
    year, number = month[:4], month[5:]
    of_year = (f"{year_field(year)}.r{number}", f"{year_field(year)}.p{number}") if is_kept_year(year) else None
    return _Names(month, ("n", f"r.{key[:2]}", f"rs.{key}"), (f"p.{key[:2]}", f"ps.{key}"), of_year)


def _keys(values: Mapping[str, list[str]]) -> list[Key]:
    """List what a share counts for; all users come first."""
    keys = [ALL_USERS]
    for dimension, own in values.items():
        for value in own:
            keys.append((dimension, value))  # noqa: PERF401  # the hot path of a build
    for dimension in _MULTI:
        keys += [(dimension, "")] * len(values[dimension])
    return keys


def _without_zeros(documents: Mapping[AnyKey, Increments]) -> dict[AnyKey, Increments]:
    found = {}
    for key, increments in documents.items():
        if left := {name: number for name, number in increments.items() if number}:
            found[key] = left
    return found
