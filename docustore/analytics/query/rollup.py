"""Rows that a mart gives, and their metrics, order and limit. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.compile import order_of
from docustore.analytics.query.metrics import METRICS, Sums
from docustore.analytics.query.model import Direction, QueryInput


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRow:
    """The sums of one group; `key` has the bucket and the dimensions by name."""

    key: Mapping[str, Any]
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """The groups of a query, in any order; see `QueryAnswer` for the times."""

    rows: list[RollupRow]
    as_of: datetime | None
    lag_s: float | None
    is_exact: bool = True


def rows_of(rollup: Rollup, query: QueryInput, *, now: datetime) -> list[dict[str, Any]]:
    """Return rows by column, in the order of the query, one more than its limit.

    A group in which no user counts is no row, as in an aggregation.
    """
    found = [_row(each, query, now_s=now.timestamp()) for each in rollup.rows if not _is_empty(each, query)]
    return ordered(found, query)[: query.limit + 1]


def ordered(rows: Iterable[dict[str, Any]], query: QueryInput) -> list[dict[str, Any]]:
    """Order rows as the server does: null comes before every value."""
    found = list(rows)
    # The sort is stable: the last column first.
    for name, direction in reversed(order_of(query).items()):
        found.sort(key=lambda row: _sort_key(row[name]), reverse=direction is Direction.DESC)
    return found


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def _row(row: RollupRow, query: QueryInput, *, now_s: float) -> dict[str, Any]:
    names = [*([BUCKET] if query.time.bucket else []), *query.dimensions]
    metrics = {name: METRICS[name].value(row.sums, now_s) for name in query.metrics}
    return {**{name: row.key[name] for name in names}, **metrics}


def _is_empty(row: RollupRow, query: QueryInput) -> bool:
    has_keys = bool(query.time.bucket or query.dimensions)
    return has_keys and not any(row.sums.values())
