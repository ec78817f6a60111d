"""Propose rules of data quality from a profile. Pure.

A proposal holds for almost all users of today. So its violations are worth a look, and a person decides.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from docustore.profiling.fields import Kind
from docustore.profiling.model import SHOWN_CHARS, FieldProfile, UsersProfile
from docustore.profiling.patterns import expression_of

# A proposal needs so many users: fewer say nothing about the next ones.
MIN_USERS: Final = 100
# The part of the users that must agree, in per cent.
ALMOST_ALL_PCT: Final = 98.0
MAX_WORDS: Final = 10
# Each word of a closed set is used by many users.
MIN_USERS_A_WORD: Final = 10
_KEPT_BY_RULES: Final = frozenset({"email", "status", "created_at"})

# A rule of `docustore.toml`, by its settings.
Proposal = Mapping[str, Any]


def suggested_rules(profile: UsersProfile) -> dict[str, Proposal]:
    """Propose rules by name; none for a profile of few users.

    Fields that the built-in rules check are left out.
    """
    if profile["users"] < MIN_USERS:
        return {}
    return {
        f"{field['field'].replace('.', '_')}_{name}": rule
        for field in profile["fields"]
        if field["field"] not in _KEPT_BY_RULES
        for name, rule in _proposals(field)
    }


def _proposals(field: FieldProfile) -> Iterator[tuple[str, Proposal]]:
    filled_pct = field["filled_pct"] or 0.0
    if field["kind"] in {Kind.TEXT, Kind.LIST} and filled_pct >= ALMOST_ALL_PCT:
        yield "given", {"kind": "required", "field": field["field"], "warn": _accepted(filled_pct)}
    if field["kind"] is not Kind.TEXT or field["filled"] < MIN_USERS:
        return
    if words := _closed_set(field):
        yield "known", {"kind": "one_of", "field": field["field"], "values": words}
    elif pattern := _common_pattern(field):
        yield "shaped", {"kind": "pattern", "field": field["field"], "pattern": pattern, "warn": {"percent": 2.0}}
    elif _is_unique(field):
        yield "unique", {"kind": "unique", "field": field["field"]}


def _accepted(filled_pct: float) -> Mapping[str, float]:
    """Return the limit that the users of today keep."""
    return {"percent": round(100 - filled_pct, 2)}


def _closed_set(field: FieldProfile) -> list[str]:
    distinct = field["distinct"]
    if distinct is None or distinct["method"] != "exact" or distinct["count"] > MAX_WORDS:
        return []
    words = {each["value"]: each["count"] for each in field["top"]}
    # Only the begin of a long value is shown, and no user has just that.
    is_closed = len(words) == distinct["count"] and all(
        count >= MIN_USERS_A_WORD and len(word) < SHOWN_CHARS for word, count in words.items()
    )
    return sorted(words) if is_closed else []


def _common_pattern(field: FieldProfile) -> str | None:
    if not field["patterns"] or not field["counted"]:
        return None
    first = field["patterns"][0]
    # A shape of letters and spaces only fits almost any word, and says nothing.
    if 100 * first["count"] / field["counted"] < ALMOST_ALL_PCT or not set(first["pattern"]) - set("Aa+ "):
        return None
    return expression_of(first["pattern"])


def _is_unique(field: FieldProfile) -> bool:
    distinct = field["distinct"]
    if distinct is None or field["counted"] < field["filled"]:
        return False
    return distinct["method"] == "exact" and distinct["count"] == field["filled"]
