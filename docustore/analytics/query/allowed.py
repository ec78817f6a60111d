"""Check a pipeline against lists of stages, operators and fields. Pure.

The compiler makes only such pipelines. This check is a second wall: a mistake in the compiler, or in the
expression of a new dimension, must not write, run code, or read a secret.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.filters import DIMENSION_PREFIX
from docustore.analytics.query.metrics import Sum

STAGES: Final = frozenset({"$match", "$project", "$set", "$unionWith", "$unwind", "$group", "$sort", "$limit"})
# Of conditions; the value of each of `_COMPARISONS` must be plain.
_COMPARISONS: Final = frozenset({"$eq", "$ne", "$in", "$nin", "$gte", "$gt", "$lt", "$regex", "$type", "$exists"})
# A condition on the elements of a list, which may be negated.
_ELEMENT: Final = "$elemMatch"
_CONNECTIVES: Final = frozenset({"$and", "$or"})
EXPRESSIONS: Final = frozenset(
    {
        "$add", "$and", "$arrayElemAt", "$cond", "$dateTrunc", "$divide", "$eq", "$floor", "$gt", "$gte", "$in",
        "$isArray", "$let", "$lte", "$map", "$millisecond", "$minute", "$multiply", "$ne", "$second",
        "$setDifference", "$setUnion", "$size", "$slice", "$split", "$strLenBytes", "$subtract", "$sum",
        "$switch", "$toDate", "$toInt", "$toLong", "$toString", "$type",
    }
)  # fmt: skip
# The first parts of paths. `password_hash` is none of them.
_STORED: Final = frozenset(
    {
        "_id", "created_at", "deleted_at", "email", "first_name", "identities", "last_name", "profile", "roles",
        "status", "tags", "updated_at", "gone", "values",
    }
)  # fmt: skip
_COMPUTED: Final = frozenset({BUCKET, "registered", *(each.value for each in Sum)})
_PREFIXES: Final = (DIMENSION_PREFIX, "m_")
# Variables of `$let` and `$map`. Those of the server, such as `$$ROOT`, are upper case.
_VARIABLE: Final = re.compile(r"\$\$[a-z]+(\.[a-z_]+)*")
_PLAIN: Final = (str, bool, int, float, datetime, DatetimeMS, type(None))


class ForbiddenPipelineError(Exception):
    """A pipeline has a part that no query may have; the message names it."""


def require_allowed(pipeline: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a pipeline with any stage, operator or field outside of the lists.

    Raises:
        ForbiddenPipelineError: It has one.
    """
    for stage in pipeline:
        if len(stage) != 1:
            raise ForbiddenPipelineError(f"a stage has {len(stage)} names")
        [(name, body)] = stage.items()
        if name not in STAGES:
            raise ForbiddenPipelineError(f"stage {name}")
        _check_stage(name, body)


def _check_stage(name: str, body: Any) -> None:
    match name:
        case "$match":
            _check_condition(body)
        case "$unwind":
            _check_expression(body)
        case "$sort":
            for path, direction in body.items():
                _check_path(path)
                if direction not in (1, -1):  # a hostile one has no hash
                    raise ForbiddenPipelineError("a direction of `$sort`")
        case "$unionWith":
            _check_union(body)
        case "$limit":
            if not isinstance(body, int):
                raise ForbiddenPipelineError("a limit that is no number")
        case _:
            for path, expression in body.items():
                _check_path(path)
                _check_expression(expression)


def _check_union(body: Mapping[str, Any]) -> None:
    # Only the shares of removed users, and nothing but conditions and computed fields of them.
    if body.keys() != {"coll", "pipeline"} or body["coll"] != USER_ANALYTICS:
        raise ForbiddenPipelineError("a union with another collection")
    if any(stage.keys() - {"$match", "$project"} for stage in body["pipeline"]):
        raise ForbiddenPipelineError("a stage of a union")
    require_allowed(body["pipeline"])


def _check_condition(condition: Mapping[str, Any]) -> None:
    for name, part in condition.items():
        if name in _CONNECTIVES:
            for each in part:
                _check_condition(each)
        elif name == "$expr":
            _check_expression(part)
        else:
            _check_path(name)
            _check_comparison(part)


def _check_comparison(part: Any) -> None:
    if not isinstance(part, Mapping):
        _check_plain(part)
        return
    for operator, value in part.items():
        if operator == "$not":
            if not isinstance(value, Mapping) or value.keys() != {_ELEMENT}:
                raise ForbiddenPipelineError("comparison $not")
            _check_comparison(value)
        elif operator == _ELEMENT:
            _check_element(value)
        elif operator in _COMPARISONS:
            _check_plain(value)
        else:
            raise ForbiddenPipelineError(f"comparison {operator}")


def _check_element(comparison: Any) -> None:
    if not isinstance(comparison, Mapping) or not comparison.keys() <= _COMPARISONS:
        raise ForbiddenPipelineError(f"comparison {_ELEMENT}")
    _check_comparison(comparison)


def _check_plain(value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    for each in values:
        if not isinstance(each, _PLAIN) and each != []:
            raise ForbiddenPipelineError(f"a value of the type {type(each).__name__}")


def _check_expression(expression: Any) -> None:
    if isinstance(expression, Mapping):
        for name, part in expression.items():
            if name.startswith("$") and name not in EXPRESSIONS:
                raise ForbiddenPipelineError(f"operator {name}")
            _check_expression(part)
    elif isinstance(expression, list):
        for each in expression:
            _check_expression(each)
    elif isinstance(expression, str) and expression.startswith("$"):
        _check_reference(expression)
    elif not isinstance(expression, _PLAIN):
        raise ForbiddenPipelineError(f"a value of the type {type(expression).__name__}")


def _check_reference(reference: str) -> None:
    if not reference.startswith("$$"):
        _check_path(reference[1:])
    elif not _VARIABLE.fullmatch(reference):
        raise ForbiddenPipelineError(f"variable {reference}")


def _check_path(path: str) -> None:
    root = path.partition(".")[0]
    if root not in _STORED and root not in _COMPUTED and not root.startswith(_PREFIXES):
        raise ForbiddenPipelineError(f"field {root}")
