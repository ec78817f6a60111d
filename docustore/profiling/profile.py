"""Profile the stored users.

The server computes the figures, bounded in memory and in time.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.errors import PyMongoError

from docustore.cluster_time import last_applied
from docustore.database import Database, Document
from docustore.errors import FieldError, InvalidQueryError
from docustore.past_reads import aggregate_at
from docustore.profiling.distinct import ERROR_PCT, estimate
from docustore.profiling.fields import PROFILED, Kind, ProfiledField
from docustore.profiling.model import SHOWN_CHARS, Distinct, FieldProfile, UsersProfile, ValueCount
from docustore.profiling.patterns import PatternCount, count_patterns
from docustore.profiling.pipelines import (
    Pipeline,
    counts_pipeline,
    registers_pipeline,
    sample_pipeline,
    sampled,
    shape_pipeline,
)
from docustore.transient import SNAPSHOT_TOO_OLD, server_codes
from docustore.users.stored import USERS

DEFAULT_SAMPLE: Final = 100_000
DEFAULT_TIMEOUT_S: Final = 60.0
# Fields with more distinct values get an estimate, and their top values from about so many of the users.
MAX_EXACT: Final = 8_000
SAMPLED_VALUES: Final = 10_000
SHOWN: Final = 10
_FIGURES: Final = ("missing", "null", "fitting", "empty", "shortest", "longest", "average", "earliest", "latest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to profile.

    `fields` are names of `PROFILED`; none = all. `sample` is the approximate number of users to read; None = all.
    """

    fields: tuple[str, ...] = ()
    sample: int | None = DEFAULT_SAMPLE
    timeout_s: float = DEFAULT_TIMEOUT_S


async def profile_users(database: Database, scope: Scope) -> UsersProfile:
    """Profile the users at one moment.

    Raises:
        InvalidQueryError: A field is unknown, or the profile takes longer than the limit of its scope.
    """
    fields = chosen(scope.fields)
    started = time.monotonic()
    stored = await database[USERS].estimated_document_count()
    share = 1.0 if scope.sample is None or scope.sample >= stored else scope.sample / stored
    at = await last_applied(database)
    reader = _Reader(database=database, at=at, share=share, deadline=started + scope.timeout_s)
    try:
        shapes = await reader.read(shape_pipeline(fields))
        shape = shapes[0] if shapes else {"users": 0}
        profiles = [await _profile(reader, field, shape, number) for number, field in enumerate(fields)]
    except PyMongoError as exc:
        if exc.timeout or SNAPSHOT_TOO_OLD in server_codes(exc):
            raise InvalidQueryError((_too_slow(scope),)) from exc
        raise
    return {
        "users": shape["users"],
        "stored": stored,
        "is_sample": share < 1,
        "as_of": at.as_datetime(),
        "duration_s": round(time.monotonic() - started, 3),
        "fields": profiles,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    database: Database
    at: Timestamp
    share: float
    deadline: float

    async def read(self, pipeline: Pipeline) -> list[Document]:
        # The server takes no limit of 0; one millisecond ends at once.
        left_ms = max(1, int(1000 * (self.deadline - time.monotonic())))
        return await aggregate_at(
            self.database, USERS, [*sampled(self.share), *pipeline], self.at, max_time_ms=left_ms
        )


async def _profile(reader: _Reader, field: ProfiledField, shape: Document, number: int) -> FieldProfile:
    figures = {name: shape.get(f"{number}_{name}") for name in _FIGURES}
    fitting, empty = figures["fitting"] or 0, figures["empty"] or 0
    missing, null = figures["missing"] or 0, figures["null"] or 0
    values = await _values(reader, field, users=fitting - empty) if fitting > empty else _Values()
    average = figures["average"]
    return {
        "field": field.name,
        "kind": field.kind,
        "missing": missing,
        "nulls": null,
        "empty": empty,
        "other_type": shape["users"] - missing - null - fitting,
        "filled": fitting - empty,
        "filled_pct": round(100 * (fitting - empty) / shape["users"], 2) if shape["users"] else None,
        "distinct": values.distinct,
        "top": [_shown(each) for each in values.counts if each["count"] > 1][:SHOWN],
        "patterns": _patterns(field, values.counts),
        "counted": sum(each["count"] for each in values.counts),
        "min_length": figures["shortest"],
        "max_length": figures["longest"],
        "average_length": None if average is None else round(average, 2),
        "earliest": figures["earliest"],
        "latest": figures["latest"],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    distinct: Distinct | None = None
    counts: Sequence[ValueCount] = ()


async def _values(reader: _Reader, field: ProfiledField, *, users: int) -> _Values:
    """Count the values exactly if they are few.

    Otherwise estimate their number, and look at those of some users, from all parts of the collection.

    Args:
        users: So many have a value, at least 1.
    """
    estimated = estimate(await reader.read(registers_pipeline(field)))
    if estimated <= MAX_EXACT:
        # An estimate may be too low; one group more than its error leaves room for shows it.
        found = await reader.read(counts_pipeline(field, limit=2 * MAX_EXACT))
        counts = [
            ValueCount(value=each["value"], count=each["users"]) for each in found if each["value"] is not None
        ]
        return _Values(distinct=Distinct(count=len(found), method="exact", error_pct=0.0), counts=counts)
    # The users of a smaller share are among those of a larger one.
    part = replace(reader, share=reader.share * min(1.0, SAMPLED_VALUES / users))
    seen: Counter[Any] = Counter(
        each["value"]
        for each in await part.read(sample_pipeline(field, limit=2 * SAMPLED_VALUES))
        if each["value"] is not None
    )
    some = [ValueCount(value=value, count=count) for value, count in seen.most_common()]
    return _Values(distinct=Distinct(count=estimated, method="hyperloglog", error_pct=ERROR_PCT), counts=some)


def _shown(each: ValueCount) -> ValueCount:
    value = each["value"]
    return ValueCount(value=value[:SHOWN_CHARS] if isinstance(value, str) else value, count=each["count"])


def _patterns(field: ProfiledField, counts: Sequence[ValueCount]) -> list[PatternCount]:
    if field.kind not in {Kind.TEXT, Kind.LIST}:
        return []
    return count_patterns(((each["value"], each["count"]) for each in counts), limit=SHOWN)


def _too_slow(scope: Scope) -> FieldError:
    detail = f"the profile takes longer than {scope.timeout_s:g} seconds; ask for a smaller sample or fewer fields"
    return FieldError(pointer="/sample", code="too_slow", detail=detail)


def chosen(names: Sequence[str]) -> tuple[ProfiledField, ...]:
    """Return the fields of these names, in the order of the list; all without names.

    Raises:
        InvalidQueryError: A name is unknown.
    """
    known = {field.name for field in PROFILED}
    if unknown := sorted(set(names) - known):
        detail = f"there is no field `{unknown[0]}`; choose from {', '.join(sorted(known))}"
        raise InvalidQueryError((FieldError(pointer="/fields", code="unknown_field", detail=detail),))
    return tuple(field for field in PROFILED if not names or field.name in names)
