"""What a profile says."""

from datetime import datetime
from typing import Any, Final, Literal, TypedDict

from docustore.profiling.fields import Kind
from docustore.profiling.patterns import PatternCount

SHOWN_CHARS: Final = 200


class ValueCount(TypedDict):
    """A value, cut to 200 characters, and the number of users that have it."""

    value: Any
    count: int


class Distinct(TypedDict):
    """The number of distinct values.

    An estimate is off by `error_pct` per cent: one standard deviation.
    """

    count: int
    method: Literal["exact", "hyperloglog"]
    error_pct: float


class FieldProfile(TypedDict):
    """One field, over the users that were read.

    Each user is in exactly one of `missing`, `nulls`, `empty`, `other_type` and `filled`. Lengths are characters
    of a text or elements of a list, over the users whose value has the type. `counted` are the users whose values
    stand in `top` and `patterns`: all that are filled, or some of them for a field of many distinct values; never
    texts above 800 bytes. A time beyond the years 1 to 9999, which other clients may store, is `filled` and
    `distinct`, and neither `counted` nor `earliest` or `latest`.
    `distinct`, `top`, `patterns` and `counted` of a list concern its texts; one that a user has twice counts once.
    `top` leaves out values of one user only.
    """

    field: str
    kind: Kind
    missing: int
    nulls: int
    empty: int
    other_type: int
    filled: int
    filled_pct: float | None
    distinct: Distinct | None
    top: list[ValueCount]
    patterns: list[PatternCount]
    counted: int
    min_length: int | None
    max_length: int | None
    average_length: float | None
    earliest: datetime | None
    latest: datetime | None


class UsersProfile(TypedDict):
    """The profile of the users that are not deleted.

    `users` were read, out of about `stored` documents. `is_sample` is false if these are all. `as_of` is the time
    of the state that was read; all figures belong to it.
    """

    users: int
    stored: int
    is_sample: bool
    as_of: datetime
    duration_s: float
    fields: list[FieldProfile]
