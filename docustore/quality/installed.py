"""The rules that other packages declare in Python.

A package names a sequence of rules in the entry point group `docustore.quality_rules`:

    [project.entry-points."docustore.quality_rules"]
    acme = "acme.rules:RULES"

The listener judges users by these rules, and API, worker and commands report them. So the package must be
installed for all of them. A rule that cannot be loaded is an error: without it, a report would look complete.
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from docustore.errors import ConfigurationError
from docustore.quality.rule_code import code_of
from docustore.quality.rules import Rule, functions_of
from docustore.quality_settings import RULE_NAME

ENTRY_POINTS: Final = "docustore.quality_rules"
_HIDDEN: Final = frozenset({"password_hash", "search_terms"})


@lru_cache(maxsize=1)
def installed_rules() -> tuple[Rule, ...]:
    """Return the rules of all installed packages, in the order of their entry points.

    Raises:
        ConfigurationError: An entry point cannot be loaded, or one of its rules cannot be used.
    """
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name)
    return tuple(rule for entry_point in found for rule in _rules_of(entry_point))


def _rules_of(entry_point: EntryPoint) -> list[Rule]:
    try:
        given: Any = entry_point.load()
    except Exception as exc:  # the code of another package: it may raise anything
        raise _error(entry_point.name, f"cannot be loaded ({type(exc).__name__}: {exc})") from exc
    if not isinstance(given, Iterable):
        raise _error(entry_point.name, f"{entry_point.value} must be a sequence of Rule")
    rules = list(given)
    for rule in rules:
        if (problem := _problem(rule)) is not None:
            raise _error(entry_point.name, problem)
    return rules


def _problem(rule: object) -> str | None:
    if not isinstance(rule, Rule):
        return f"{type(rule).__name__} is no Rule of docustore.quality.rules"
    if not RULE_NAME.fullmatch(rule.name):
        return f"rule name {rule.name!r}: use a-z, 0-9 and _, with a letter first"
    if hidden := sorted(_HIDDEN.intersection(rule.fields)):
        return f"the rule {rule.name} cannot read the field {hidden[0]}"
    try:
        for function in functions_of(rule):
            code_of(function)
    except (OSError, TypeError):
        return f"the rule {rule.name} has no source file: its version is a digest of its code"
    return None


def _error(name: str, problem: str) -> ConfigurationError:
    return ConfigurationError(setting=f"{ENTRY_POINTS}.{name}", problem=problem)
