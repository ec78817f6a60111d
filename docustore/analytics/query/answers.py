"""The shape of an answer. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.columns import BUCKET, Column, ColumnKind, ColumnType
from docustore.analytics.query.compile import multi_valued
from docustore.analytics.query.cost import Estimate
from docustore.analytics.query.metrics import METRICS, Additivity
from docustore.analytics.query.model import QueryInput

# Whole numbers stay whole; in JSON they are numbers too.
Cell = str | float | None


class Source(StrEnum):
    """What answered: counters that are kept, or an aggregation."""

    MART = "mart"
    PIPELINE = "pipeline"


class MetricView(msgspec.Struct, frozen=True):
    """What a metric means, and whether its rows may be added up.

    The rows of an additive metric may be added over the bucket and over each dimension except those in `not_over`,
    of which a user may have several values.
    """

    meaning: str
    additivity: Additivity
    not_over: list[str]


class Explanation(msgspec.Struct, frozen=True):
    """How a query is answered, and why.

    `estimate` and `pipeline` are those of the aggregation, also where a mart answers. `refused` says why the
    aggregation would not run.
    """

    source: Source
    reason: str
    estimate: Estimate
    refused: str | None
    timeout_ms: int
    pipeline: list[dict[str, Any]]


class QueryAnswer(msgspec.Struct, frozen=True):
    """The answer to a query.

    `rows` have a cell for each column. A bucket is its first moment, with the offset of its zone. `as_of` is the
    time of the newest change that counts; `lag_s` is how long ago the answer was complete, null if that is not
    known. `is_truncated`: there are more rows than the limit. `explanation` is only given for `explain`, without
    rows.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    source: Source
    as_of: datetime | None
    lag_s: float | None
    is_exact: bool
    is_truncated: bool
    metrics: dict[str, MetricView]
    explanation: Explanation | None = None


def columns_of(query: QueryInput) -> list[Column]:
    """List the columns: bucket, dimensions, metrics."""
    bucket = [Column(name=BUCKET, kind=ColumnKind.BUCKET, type=ColumnType.TIME)] if query.time.bucket else []
    dimensions = [Column(name=name, kind=ColumnKind.DIMENSION, type=ColumnType.TEXT) for name in query.dimensions]
    metrics = [Column(name=name, kind=ColumnKind.METRIC, type=METRICS[name].type) for name in query.metrics]
    return [*bucket, *dimensions, *metrics]


def metrics_of(query: QueryInput) -> dict[str, MetricView]:
    """Describe the metrics of a query."""
    several = list(multi_valued(query))
    return {
        name: MetricView(
            meaning=METRICS[name].meaning,
            additivity=METRICS[name].additivity,
            not_over=several if METRICS[name].additivity is Additivity.ADDITIVE else _keys(query),
        )
        for name in query.metrics
    }


def _keys(query: QueryInput) -> list[str]:
    return [*([BUCKET] if query.time.bucket else []), *(name for name in query.dimensions if name in DIMENSIONS)]
