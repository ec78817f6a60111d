"""The values of a user in each dimension, as expressions. Pure.

`docustore.analytics.values` states the same rules for Python. No operator here fails on any stored value.
"""

from typing import Any, Final

from docustore.analytics.pipelines import NO_VALUE
from docustore.analytics.values import COMPLETING, MAX_ELEMENTS, MAX_VALUE_BYTES, NONE, OTHER
from docustore.users.identities import LOCAL_SOURCE
from docustore.users.profile import Theme

Expression = Any

_THEME_WORDS: Final = [*(theme.value for theme in Theme), NONE]


def part_expression(parent: str, name: str) -> Expression:
    """Return a field of a document; null where the parent is no document."""
    return {"$cond": [{"$eq": [{"$type": parent}, "object"]}, f"{parent}.{name}", None]}


def text_expression(value: Expression) -> Expression:
    """Return a text as the value of a dimension."""
    # `$switch` stops at the first match: only a text is measured.
    found = {
        "$switch": {
            "branches": [
                {"case": {"$in": [{"$type": "$$value"}, NO_VALUE]}, "then": NONE},
                {"case": {"$ne": [{"$type": "$$value"}, "string"]}, "then": OTHER},
                {"case": {"$eq": ["$$value", ""]}, "then": NONE},
                {"case": _is_long("$$value"), "then": OTHER},
            ],
            "default": "$$value",
        }
    }
    return {"$let": {"vars": {"value": value}, "in": found}}


def _is_long(text: str) -> Expression:
    return {"$gt": [{"$strLenBytes": text}, MAX_VALUE_BYTES]}


def theme_expression() -> Expression:
    """Return the theme of the preferences."""
    found = {
        "$switch": {
            "branches": [
                {"case": {"$in": ["$$theme", _THEME_WORDS]}, "then": "$$theme"},
                {"case": {"$in": [{"$type": "$$theme"}, NO_VALUE]}, "then": NONE},
                {"case": {"$eq": ["$$theme", ""]}, "then": NONE},
            ],
            "default": OTHER,
        }
    }
    return {"$let": {"vars": {"theme": part_expression("$profile.preferences", "theme")}, "in": found}}


def labels_expression(field: str) -> Expression:
    """Return the values of a list of labels, such as `$tags`."""
    element = {
        "$switch": {
            "branches": [
                {"case": {"$ne": [{"$type": "$$each"}, "string"]}, "then": OTHER},
                {"case": {"$eq": ["$$each", ""]}, "then": OTHER},
                {"case": _is_long("$$each"), "then": OTHER},
            ],
            "default": "$$each",
        }
    }
    return {
        "$switch": {
            "branches": [
                {"case": {"$isArray": [field]}, "then": _or_else(_elements(field, element), NONE)},
                {"case": {"$in": [{"$type": field}, NO_VALUE]}, "then": [NONE]},
            ],
            "default": [OTHER],
        }
    }


def _elements(field: str, element: Expression) -> Expression:
    """Return the set of the values of a list."""
    first = {"$map": {"input": {"$slice": [field, MAX_ELEMENTS]}, "as": "each", "in": element}}
    more = {"$cond": [{"$gt": [{"$size": field}, MAX_ELEMENTS]}, [OTHER], []]}
    return {"$setUnion": [first, more]}


def _or_else(values: Expression, default: str) -> Expression:
    found = {"$cond": [{"$eq": ["$$found", []]}, [default], "$$found"]}
    return {"$let": {"vars": {"found": values}, "in": found}}


def sources_expression() -> Expression:
    """Return the upstream systems that know the user."""
    source = {
        "$let": {
            "vars": {
                "source": {
                    "$cond": [
                        {"$eq": [{"$type": "$$each.key"}, "string"]},
                        {"$arrayElemAt": [{"$split": ["$$each.key", ":"]}, 0]},
                        LOCAL_SOURCE,
                    ]
                }
            },
            "in": {"$cond": [_is_long("$$source"), OTHER, "$$source"]},
        }
    }
    upstream = {"$setDifference": [_elements("$identities", source), [LOCAL_SOURCE, ""]]}
    return {"$cond": [{"$isArray": ["$identities"]}, _or_else(upstream, LOCAL_SOURCE), [LOCAL_SOURCE]]}


def completeness_expression() -> Expression:
    """Return how many of `COMPLETING` the profile has."""

    def is_given(name: str) -> Expression:
        value = part_expression("$profile", name)
        return {
            "$let": {
                "vars": {"value": value},
                "in": {
                    "$cond": [
                        {"$and": [{"$eq": [{"$type": "$$value"}, "string"]}, {"$ne": ["$$value", ""]}]},
                        1,
                        0,
                    ]
                },
            }
        }

    return {"$toString": {"$add": [is_given(name) for name in COMPLETING]}}


def email_domain_expression() -> Expression:
    """Return what follows the last `@` of the address."""
    parts = {"$split": ["$email", "@"]}
    return {
        "$switch": {
            "branches": [
                {"case": {"$in": [{"$type": "$email"}, NO_VALUE]}, "then": NONE},
                {"case": {"$ne": [{"$type": "$email"}, "string"]}, "then": OTHER},
                {"case": {"$eq": ["$email", ""]}, "then": NONE},
                {"case": {"$eq": [{"$size": parts}, 1]}, "then": OTHER},
            ],
            "default": text_expression({"$arrayElemAt": [parts, -1]}),
        }
    }
