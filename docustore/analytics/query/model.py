"""The query language: what a question may say. Pure.

Every list and every text is bounded, and every name is one of a closed list. A value is a text, true, false, or a
list of texts, never an object, so no operator of MongoDB can arrive in it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.fields import FILTER_FIELDS, FILTER_NAMES, OPERATORS, FieldKind, Operator
from docustore.analytics.query.metrics import METRICS
from docustore.api.body_types import Flag, RequestTime, WholeNumber
from docustore.api.field_errors import one_of
from docustore.clock import time_form_error
from docustore.recurrence import parse_zone

MAX_METRICS: Final = 8
MAX_DIMENSIONS: Final = 4
MAX_FILTERS: Final = 16
MAX_VALUES: Final = 100
MAX_VALUE_CHARS: Final = 500
MAX_ORDER: Final = 4
MAX_ROWS: Final = 10_000
DEFAULT_ROWS: Final = 1000
MAX_ZONE_CHARS: Final = 64
_STRICT: Final = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
_LISTED: Final = frozenset({Operator.IN, Operator.NOT_IN})
_TEXT_SCHEMA: Final = {"type": "string", "maxLength": MAX_VALUE_CHARS}


class Bucket(StrEnum):
    """The length of a time bucket."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class WeekStart(StrEnum):
    """The first day of a week."""

    MONDAY = "monday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Direction(StrEnum):
    """The direction of an order."""

    ASC = "asc"
    DESC = "desc"


def _name_of(*names: str) -> Any:
    """Return what validates a name of a closed list."""

    def check(given: str) -> str:
        if given not in names:
            raise PydanticCustomError("enum", "no such name", {"expected": one_of(names)})
        return given

    return AfterValidator(check)


def _refused(reason: str) -> PydanticCustomError:
    return PydanticCustomError("not_in_language", "{reason}", {"reason": reason})


def _zone(given: str) -> str:
    try:
        parse_zone(given)
    except ValueError as exc:
        raise _refused("must be a time zone such as Europe/Amsterdam") from exc
    return given


def _unrepeated(given: list[str]) -> list[str]:
    if len(set(given)) < len(given):
        raise _refused("must not name anything twice")
    return given


MetricName = Annotated[str, _name_of(*METRICS), Field(json_schema_extra={"enum": list(METRICS)})]
DimensionName = Annotated[str, _name_of(*DIMENSIONS), Field(json_schema_extra={"enum": list(DIMENSIONS)})]
FieldName = Annotated[str, _name_of(*FILTER_NAMES), Field(json_schema_extra={"enum": list(FILTER_NAMES)})]
_ORDERED: Final = (BUCKET, *METRICS, *DIMENSIONS)
OrderName = Annotated[str, _name_of(*_ORDERED), Field(json_schema_extra={"enum": list(_ORDERED)})]
FilterValue = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                _TEXT_SCHEMA,
                {"type": "boolean"},
                {"type": "array", "maxItems": MAX_VALUES, "items": _TEXT_SCHEMA},
            ]
        }
    ),
]


class Filter(BaseModel):
    """One condition on users; several filters hold together."""

    model_config = _STRICT

    field: FieldName = Field(description="a dimension, or a field of users")
    op: Operator = Field(description="`ne` and `not_in` also match users without any value")
    value: FilterValue = Field(
        description="a text; a list of texts for `in` and `not_in`; true or false for `exists` and flags; a time "
        "for `gte` and `lt`"
    )

    @field_validator("value")
    @classmethod
    def _fits(cls, given: Any, info: ValidationInfo) -> Any:
        name, operator = info.data.get("field"), info.data.get("op")
        if name is None or operator is None:
            return None  # the error of the field or the operator is enough
        kind = FILTER_FIELDS[name]
        if operator not in OPERATORS[kind]:
            raise _refused(f"{name} takes only the operators {', '.join(OPERATORS[kind])}")
        if operator in _LISTED:
            return _values(given)
        return _value(given, kind=kind, operator=operator)


def _values(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MAX_VALUES:
        raise _refused(f"must be a list of 1 to {MAX_VALUES} texts")
    return tuple(_text(each) for each in given)


def _value(given: Any, *, kind: FieldKind, operator: Operator) -> str | bool:
    if operator is Operator.EXISTS or kind is FieldKind.FLAG:
        if not isinstance(given, bool):
            raise _refused("must be true or false")
        return given
    text = _text(given)
    if kind is FieldKind.TIME:
        return _time(text)
    if operator is Operator.PREFIX and not text:
        raise _refused("must not be empty")
    return text


def _text(given: Any) -> str:
    if not isinstance(given, str) or len(given) > MAX_VALUE_CHARS:
        raise _refused(f"must be a text of at most {MAX_VALUE_CHARS} characters")
    if "\x00" in given:
        raise _refused("must not contain a null byte")
    if not given.isascii() and any("\ud800" <= char <= "\udfff" for char in given):
        raise _refused("must be valid Unicode text")
    return given


def _time(text: str) -> str:
    if time_form_error(text) is not None:
        raise _refused("must be a time with a zone, such as 2026-01-31T12:00:00Z")
    try:
        datetime.fromisoformat(text.upper())
    except ValueError as exc:
        raise _refused("must be a time with a zone, such as 2026-01-31T12:00:00Z") from exc
    return text


class TimeRange(BaseModel):
    """The registration times that count, and how they are put into buckets."""

    model_config = _STRICT

    since: RequestTime | None = Field(None, description="registered at or after this time")
    until: RequestTime | None = Field(None, description="registered before this time")
    bucket: Bucket | None = Field(None, description="one row for each hour, day, ...; none = no column `bucket`")
    timezone: Annotated[str, Field(max_length=MAX_ZONE_CHARS), AfterValidator(_zone)] = Field(
        "UTC", description="the clock of the buckets, such as `Europe/Amsterdam`"
    )
    week_start: WeekStart = Field(WeekStart.MONDAY, description="the first day of a week")

    @property
    def is_whole(self) -> bool:
        """Tell whether all times count and nothing is put into buckets."""
        return self.bucket is None and self.since is None and self.until is None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise _refused("`since` must be before `until`")
        return self


class Order(BaseModel):
    """One column that orders the rows."""

    model_config = _STRICT

    by: OrderName = Field(description="a metric or dimension of the query, or `bucket`")
    direction: Direction = Field(Direction.ASC)


class QueryInput(BaseModel):
    """One question about users."""

    model_config = _STRICT

    metrics: Annotated[list[MetricName], Field(min_length=1, max_length=MAX_METRICS), AfterValidator(_unrepeated)]
    dimensions: Annotated[list[DimensionName], Field(max_length=MAX_DIMENSIONS), AfterValidator(_unrepeated)] = (
        Field([], description="one row for each combination of their values")
    )
    filters: list[Filter] = Field([], max_length=MAX_FILTERS, description="only users that match all of them")
    time: TimeRange = Field(default_factory=TimeRange)
    order: list[Order] = Field(
        [],
        max_length=MAX_ORDER,
        description="the first column counts most; then the bucket and the dimensions, ascending",
    )
    limit: WholeNumber = Field(DEFAULT_ROWS, ge=1, le=MAX_ROWS, description="rows at most")
    exact: Flag = Field(False, description="never answer from marts")
    explain: Flag = Field(False, description="say how the query would be answered, without running it")

    @field_validator("order")
    @classmethod
    def _orders_what_it_has(cls, given: list[Order], info: ValidationInfo) -> list[Order]:
        parts = info.data
        if not {"metrics", "dimensions", "time"} <= parts.keys():
            return given  # their errors are enough
        columns = [*([BUCKET] if parts["time"].bucket else []), *parts["dimensions"], *parts["metrics"]]
        for each in given:
            if each.by not in columns:
                raise _refused(f"{each.by} is no column of this query; use {one_of(columns)}")
        return given
