"""All rules of a service: those in Python and those of its settings."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from docustore.errors import ConfigurationError
from docustore.linear_expression import LinearExpression
from docustore.quality.anomaly import Direction
from docustore.quality.builtin import BUILTIN, is_one_of
from docustore.quality.installed import ENTRY_POINTS, installed_rules
from docustore.quality.rule_fields import field_problem
from docustore.quality.rules import (
    Applies,
    Check,
    Dimension,
    Holds,
    Limit,
    NotOlderThan,
    Rule,
    Severity,
    UniqueBy,
    User,
)
from docustore.quality.verdict import RuleSet
from docustore.quality_settings import LimitSettings, RuleKind, RuleSettings
from docustore.users.fields import leaf
from docustore.users.search_terms import fold

Word = TypeVar("Word", Dimension, Severity, Direction)
_DIMENSIONS: Final = {
    RuleKind.REQUIRED: Dimension.COMPLETENESS,
    RuleKind.PATTERN: Dimension.VALIDITY,
    RuleKind.ONE_OF: Dimension.VALIDITY,
    RuleKind.MAX_AGE: Dimension.TIMELINESS,
    RuleKind.UNIQUE: Dimension.UNIQUENESS,
}


def rule_set(settings: Mapping[str, RuleSettings]) -> RuleSet:
    """Combine the rules that are declared in Python with those of the settings.

    Raises:
        ConfigurationError: A setting names no rule, an unknown word or a field that no rule may read, or a rule of
            a package cannot be used.
    """
    in_python = (*BUILTIN, *installed_rules())
    names = {rule.name for rule in in_python}
    if len(names) < len(in_python):
        counts = Counter(rule.name for rule in in_python)
        twice = next(name for name, number in counts.items() if number > 1)
        raise ConfigurationError(
            setting=ENTRY_POINTS, problem=f"two rules have the name {twice}; rename one of them"
        )
    rules = [
        _changed(rule, settings[rule.name]) if rule.name in settings else rule
        for rule in in_python
        if rule.name not in settings or (settings[rule.name].enabled and settings[rule.name].kind is None)
    ]
    for name, own in settings.items():
        if own.kind is None and name not in names:
            raise _error(name, "there is no built-in rule of this name; give the `kind` of a rule of your own")
        if own.kind is not None and own.enabled:
            rules.append(_declared(name, own, own.kind))
    return RuleSet(tuple(rules))


def _changed(rule: Rule, own: RuleSettings) -> Rule:
    check = rule.check
    if own.days is not None:
        if not isinstance(check, NotOlderThan):
            raise _error(rule.name, "`days` is only for rules of time")
        check = replace(check, days=own.days)
    return _with_texts(replace(rule, check=check), own)


def _declared(name: str, own: RuleSettings, kind: RuleKind) -> Rule:
    path = tuple(own.field.split("."))
    if (problem := field_problem(kind, own.field, conditions=own.when)) is not None:
        raise _error(name, problem)
    rule = Rule(
        name=name,
        title=f"{own.field}: {kind.value.replace('_', ' ')}.",
        remedy="Correct the users that the report lists in their source.",
        dimension=_DIMENSIONS[kind],
        severity=Severity.WARNING,
        fields=tuple(sorted({path[0], *(field.partition(".")[0] for field in own.when)})),
        check=_check(own, kind, path),
        applies=_applies(own, path, kind),
        parameters=own.model_dump_json(include={"kind", "field", "pattern", "values", "when"}),
    )
    return _with_texts(rule, own)


def _check(own: RuleSettings, kind: RuleKind, path: tuple[str, ...]) -> Check:
    match kind:
        case RuleKind.REQUIRED:
            return Holds(test=lambda user: _is_given(leaf(user, path)))
        case RuleKind.PATTERN:
            expression = LinearExpression(own.pattern or "")
            return Holds(test=lambda user: _each(leaf(user, path), expression.matches))
        case RuleKind.ONE_OF:
            allowed = frozenset(own.values or ())
            return Holds(test=lambda user: _each(leaf(user, path), allowed.__contains__))
        case RuleKind.MAX_AGE:
            return NotOlderThan(clock=_clock(path), days=own.days or 1)
        case RuleKind.UNIQUE:
            return UniqueBy(value=_folded(path))


def _applies(own: RuleSettings, path: tuple[str, ...], kind: RuleKind) -> Applies | None:
    """Tell which users a rule concerns.

    A rule on a value concerns only users that have one; `required` says that they must.
    """
    needs_value = kind in {RuleKind.PATTERN, RuleKind.ONE_OF}
    if not own.when and not needs_value:
        return None
    wanted = {
        tuple(field.split(".")): frozenset([value] if isinstance(value, str) else value)
        for field, value in own.when.items()
    }

    def applies(user: User) -> bool:
        if needs_value and not _is_given(leaf(user, path)):
            return False
        return all(_has_one_of(leaf(user, field), values) for field, values in wanted.items())

    return applies


def _has_one_of(value: Any, wanted: frozenset[str]) -> bool:
    if isinstance(value, list):
        return any(is_one_of(each, wanted) for each in value)
    return is_one_of(value, wanted)


def _is_given(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != []


def _each(value: Any, holds: Callable[[str], bool]) -> bool:
    """Test a text, or each element of a list; any other value does not hold."""
    values = value if isinstance(value, list) else [value]
    # Not `isinstance`: the driver's `Code` is a text that no set can hold.
    return all(type(each) is str and holds(each) for each in values)


def _clock(path: tuple[str, ...]) -> Callable[[User], datetime | None]:
    def clock(user: User) -> datetime | None:
        value = leaf(user, path)
        return value if isinstance(value, datetime) else None

    return clock


def _folded(path: tuple[str, ...]) -> Callable[[User], str | None]:
    def value(user: User) -> str | None:
        given = leaf(user, path)
        return " ".join(fold(given).split()) if isinstance(given, str) and given.strip() else None

    return value


def _with_texts(rule: Rule, own: RuleSettings) -> Rule:
    return replace(
        rule,
        title=own.title or rule.title,
        remedy=own.remedy or rule.remedy,
        owner=own.owner if own.owner is not None else rule.owner,
        dimension=_word(rule.name, own.dimension, Dimension) or rule.dimension,
        severity=_word(rule.name, own.severity, Severity) or rule.severity,
        warn=_limit(own.warn) or rule.warn,
        fail=_limit(own.fail) or rule.fail,
        anomaly=_word(rule.name, own.anomaly, Direction) or rule.anomaly,
    )


def _word(name: str, given: str | None, words: type[Word]) -> Word | None:
    if given is None:
        return None
    try:
        return words(given)
    except ValueError:
        raise _error(name, f"{given!r} is none of {', '.join(words)}") from None


def _limit(own: LimitSettings | None) -> Limit | None:
    return None if own is None else Limit(count=own.count, percent=own.percent)


def _error(name: str, problem: str) -> ConfigurationError:
    return ConfigurationError(setting=f"quality_rules.{name}", problem=problem)
