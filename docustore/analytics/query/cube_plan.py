"""Which queries the counters by dimension and slot can answer. Pure.

The counters are sums over users by one dimension and by quarters of an hour of the registration. So they answer
questions about sums, by at most one dimension, with filters of that dimension, between slots.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from docustore.analytics.cube.slots import SLOT_S
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.fields import FILTER_FIELDS, FieldKind, Operator
from docustore.analytics.query.filters import wanted_values
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import Filter, QueryInput
from docustore.analytics.values import OTHER

COMPLETENESS: Final = "completeness"
_KEPT: Final = frozenset({"users", "registrations", "deleted", "completeness_pct"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CubePlan:
    """How to answer a query.

    `dimension` is the one that is read; its rows are added up unless `is_by_value`. `wanted` are the only values
    to read, `unwanted` those to leave out; None and empty for all.
    """

    dimension: str | None
    is_by_value: bool
    wanted: tuple[str, ...] | None
    unwanted: frozenset[str]

    def accepts(self, value: str) -> bool:
        """Tell whether the filters let a value through."""
        return value not in self.unwanted and (self.wanted is None or value in self.wanted)


class CubeRefusedError(Exception):
    """The counters do not answer a query; the message says why."""


def cube_plan(query: QueryInput) -> CubePlan:
    """Plan the answer to a query.

    Raises:
        CubeRefusedError: The counters do not keep what it asks for.
    """
    unknown = [name for name in query.metrics if name not in _KEPT]
    if unknown:
        raise CubeRefusedError(f"they keep no sum for {unknown[0]}")
    if any(not is_aligned(bound) for bound in (query.time.since, query.time.until) if bound is not None):
        raise CubeRefusedError("the range does not begin and end with a quarter of an hour")
    dimension = _dimension(query)
    if dimension is not None and query.filters and DIMENSIONS[dimension].is_multi_valued:
        raise CubeRefusedError(f"a user may have several values of {dimension}, so a filter needs the users")
    wanted, unwanted = _wanted(query.filters)
    return CubePlan(
        dimension=dimension, is_by_value=bool(query.dimensions), wanted=wanted, unwanted=frozenset(unwanted)
    )


def _dimension(query: QueryInput) -> str | None:
    needed = [*query.dimensions, *(each.field for each in query.filters)]
    if "completeness_pct" in query.metrics:
        needed.append(COMPLETENESS)
    if any(FILTER_FIELDS[name] is not FieldKind.DIMENSION for name in needed):
        raise CubeRefusedError("they know no filters of fields, only of dimensions")
    names = list(dict.fromkeys(needed))
    if len(names) > 1:
        raise CubeRefusedError(f"they keep one dimension at a time, and this needs {' and '.join(names)}")
    return names[0] if names else None


def _wanted(filters: Iterable[Filter]) -> tuple[tuple[str, ...] | None, set[str]]:
    wanted: list[str] | None = None
    unwanted: set[str] = set()
    for each in filters:
        values = wanted_values(each)
        if OTHER in values:
            raise CubeRefusedError("`other` stands for many values there")
        if each.op in {Operator.NE, Operator.NOT_IN}:
            unwanted.update(values)
        else:
            wanted = list(dict.fromkeys(values)) if wanted is None else [v for v in wanted if v in values]
    return (None if wanted is None else tuple(wanted)), unwanted


def is_aligned(bound: datetime) -> bool:
    """Tell whether a time is the begin of a slot."""
    return bound.timestamp() % SLOT_S == 0


def counts_deleted(query: QueryInput) -> bool:
    """Tell whether a query counts deleted users too."""
    return any(METRICS[name].counts_deleted for name in query.metrics)
