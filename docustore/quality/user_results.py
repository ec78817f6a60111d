"""The result of every rule for one user, from its stored verdict."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from docustore.clock import as_naive_utc
from docustore.database import Database
from docustore.quality.counts import VALUES
from docustore.quality.rules import NotOlderThan, Rule
from docustore.quality.stored import USER_QUALITY
from docustore.quality.verdict import RuleSet
from docustore.users.store import found_user, users
from docustore.users.stored import user_key

Stored = Mapping[str, Any]
_IS_THERE: Final = {"_id": 1, "deleted_at": 1}


class UserResult(StrEnum):
    """The result of one rule for one user.

    `unknown`: not judged by this version of the rule yet.
    """

    VIOLATED = "violated"
    NOT_EVALUATED = "not_evaluated"
    PASSED = "passed"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class UserRuleResult(msgspec.Struct, frozen=True):
    """One rule and its result for the user."""

    rule: str
    title: str
    remedy: str
    dimension: str
    severity: str
    result: UserResult


class UserQuality(msgspec.Struct, frozen=True):
    """The quality of one user: every rule, in the order of the report."""

    violated: int
    rules: list[UserRuleResult]


_PLACES: Final = {
    "violated": UserResult.VIOLATED,
    "skipped": UserResult.NOT_EVALUATED,
    "passed": UserResult.PASSED,
    "inapplicable": UserResult.NOT_APPLICABLE,
}


async def user_quality(database: Database, rules: RuleSet, user_id: str, *, now: datetime) -> UserQuality:
    """Read the results of a user.

    Args:
        now: Aware time; the end of the ages that the rules of time look at.

    Raises:
        NotFoundError: No user has this id.
        UserGoneError: The user is deleted.
    """
    key = user_key(user_id)
    found_user(await users().find_one({"_id": key}, _IS_THERE), user_id)
    verdict = await database[USER_QUALITY].find_one({"_id": key}) or {}
    values = [(each["rule"], each["value"]) for each in verdict.get("keys", ())]
    shared = await _shared(database, values)
    found = [
        _shown(rule, result_of(rule, rules.ids[rule.name], verdict, shared=shared, now=now))
        for rule in rules.rules
    ]
    return UserQuality(violated=sum(each.result is UserResult.VIOLATED for each in found), rules=found)


def result_of(rule: Rule, rule_id: str, verdict: Stored, *, shared: frozenset[str], now: datetime) -> UserResult:
    """Find the result of a rule in a stored verdict. Pure.

    Args:
        shared: The ids of the rules of uniqueness that the user violates.
    """
    for place, result in _PLACES.items():
        if rule_id in verdict.get(place, ()):
            return result
    for each in verdict.get("clocks", ()):
        if each["rule"] == rule_id and isinstance(rule.check, NotOlderThan):
            cutoff = as_naive_utc(now) - timedelta(days=rule.check.days)
            return UserResult.VIOLATED if _naive(each["at"]) < cutoff else UserResult.PASSED
    if any(each["rule"] == rule_id for each in verdict.get("keys", ())):
        return UserResult.VIOLATED if rule_id in shared else UserResult.PASSED
    return UserResult.UNKNOWN


async def _shared(database: Database, values: list[tuple[str, str]]) -> frozenset[str]:
    if not values:
        return frozenset()
    ids = [{"rule": rule, "value": value} for rule, value in values]
    found = database[VALUES].find({"_id": {"$in": ids}, "users": {"$gt": 1}}, {"_id": 1})
    return frozenset([str(each["_id"]["rule"]) async for each in found])


def _naive(at: datetime) -> datetime:
    return at if at.tzinfo is None else as_naive_utc(at)


def _shown(rule: Rule, result: UserResult) -> UserRuleResult:
    return UserRuleResult(
        rule=rule.name,
        title=rule.title,
        remedy=rule.remedy,
        dimension=rule.dimension.value,
        severity=rule.severity.value,
        result=result,
    )
