"""Rules of the settings, and built-in rules that the settings change."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from bson.code import Code
from pydantic import ValidationError

from docustore.errors import ConfigurationError
from docustore.quality.builtin import BUILTIN
from docustore.quality.declared import rule_set
from docustore.quality.rules import Dimension, Limit, NotOlderThan, Severity
from docustore.quality_settings import RuleSettings, require_rule_names

PLACE = "profile.location"
DAY = datetime.fromisoformat("2026-01-01")
ACTIVE = {"status": "active"}


def verdict_of(user: dict[str, Any], **settings: Any) -> str:
    """Judge a user by one rule; return the list of the verdict that names it."""
    rules = rule_set({"own": RuleSettings(**settings)})
    found: Any = rules.verdict_of(user)
    own = rules.ids["own"]
    for name in ("clocks", "keys"):
        if any(entry["rule"] == own for entry in found[name]):
            return name
    return next(name for name in ("passed", "violated", "skipped", "inapplicable") if own in found[name])


@pytest.mark.parametrize(
    ("settings", "user", "expected"),
    [
        ({"kind": "required", "field": PLACE}, {"profile": {"location": "Delft"}}, "passed"),
        ({"kind": "required", "field": PLACE}, {"profile": {"location": " "}}, "violated"),
        ({"kind": "required", "field": "tags"}, {"tags": []}, "violated"),
        ({"kind": "pattern", "field": "tags", "pattern": "[a-z]+"}, {"tags": ["a", "bc"]}, "passed"),
        ({"kind": "pattern", "field": "tags", "pattern": "[a-z]+"}, {"tags": ["a", "B"]}, "violated"),
        ({"kind": "pattern", "field": "tags", "pattern": "[a-z]+"}, {"tags": ["a", 7]}, "violated"),
        ({"kind": "pattern", "field": "tags", "pattern": "[a-z]+"}, {"tags": []}, "inapplicable"),
        ({"kind": "one_of", "field": "roles", "values": ["a", "b"]}, {"roles": ["b", "a"]}, "passed"),
        ({"kind": "one_of", "field": "roles", "values": ["a", "b"]}, {"roles": ["a", "c"]}, "violated"),
        ({"kind": "one_of", "field": "roles", "values": ["a", "b"]}, {"roles": {"a": 1}}, "violated"),
        ({"kind": "one_of", "field": "roles", "values": ["a", "b"]}, {"roles": [Code("a")]}, "violated"),
        ({"kind": "pattern", "field": PLACE, "pattern": "[A-Z].*"}, {"profile": {"location": "Delft"}}, "passed"),
        ({"kind": "pattern", "field": PLACE, "pattern": "[A-Z]"}, {"profile": {"location": "Delft"}}, "violated"),
        ({"kind": "pattern", "field": PLACE, "pattern": "[A-Z]"}, {}, "inapplicable"),
        ({"kind": "one_of", "field": "status", "values": ["active"]}, {"status": "active"}, "passed"),
        ({"kind": "one_of", "field": "status", "values": ["active"]}, {"status": "away"}, "violated"),
        ({"kind": "one_of", "field": "status", "values": ["active"]}, {"status": {"is": "active"}}, "violated"),
        ({"kind": "max_age", "field": "updated_at", "days": 3}, {"updated_at": DAY}, "clocks"),
        ({"kind": "max_age", "field": "updated_at", "days": 3}, {}, "skipped"),
        ({"kind": "unique", "field": PLACE}, {"profile": {"location": "Delft"}}, "keys"),
        ({"kind": "unique", "field": PLACE}, {}, "inapplicable"),
        ({"kind": "required", "field": PLACE, "when": ACTIVE}, {"status": "inactive"}, "inapplicable"),
        ({"kind": "required", "field": PLACE, "when": ACTIVE}, {"status": "active"}, "violated"),
        ({"kind": "required", "field": PLACE, "when": {"roles": ["a", "b"]}}, {"roles": ["b"]}, "violated"),
        ({"kind": "required", "field": PLACE, "when": {"roles": ["a"]}}, {"roles": Code("a")}, "inapplicable"),
    ],
)  # fmt: skip
def test_kinds(settings: dict[str, Any], user: dict[str, Any], expected: str) -> None:
    assert verdict_of(user, **settings) == expected


def test_settings_change_a_builtin_rule_without_a_new_version() -> None:
    plain = rule_set({})
    own = RuleSettings(owner="crm team", severity="error", fail={"percent": 2}, days=30)  # type: ignore[arg-type]
    changed = rule_set({"updated_lately": own})
    rule = changed.find("updated_lately")

    assert rule is not None
    assert isinstance(rule.check, NotOlderThan)
    assert (rule.owner, rule.severity, rule.fail, rule.check.days) == (
        "crm team",
        Severity.ERROR,
        Limit(percent=2),
        30,
    )
    assert changed.digest == plain.digest


def test_disabled_rule_is_gone() -> None:
    assert rule_set({"email_valid": RuleSettings(enabled=False)}).find("email_valid") is None


def test_own_rule_replaces_a_builtin_one_of_its_name() -> None:
    own = RuleSettings(kind="required", field="email", dimension="accuracy")  # type: ignore[arg-type]
    rules = rule_set({"email_valid": own})

    assert [rule.name for rule in rules.rules].count("email_valid") == 1
    assert rules.find("email_valid").dimension is Dimension.ACCURACY  # type: ignore[union-attr]


def test_another_definition_is_another_version() -> None:
    one = rule_set({"own": RuleSettings(kind="pattern", field=PLACE, pattern="a")})  # type: ignore[arg-type]
    other = rule_set({"own": RuleSettings(kind="pattern", field=PLACE, pattern="b")})  # type: ignore[arg-type]

    assert one.ids["own"] != other.ids["own"]
    assert one.digest != other.digest


def test_other_code_is_another_version() -> None:
    one, other = BUILTIN[0], BUILTIN[1]

    assert one.id.partition("@")[2] != replace(one, check=other.check).id.partition("@")[2]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"own": {}}, "there is no built-in rule"),
        ({"own": {"kind": "required", "field": "password_hash"}}, "cannot read the field password_hash"),
        ({"own": {"kind": "required", "field": PLACE, "when": {"identities": "x"}}}, "field identities"),
        (
            {"own": {"kind": "required", "field": "profile.loaction"}},
            "no field 'profile.loaction'; use one of email",
        ),
        ({"own": {"kind": "required", "field": PLACE, "when": {"role": "staff"}}}, "no field 'role'"),
        ({"own": {"kind": "max_age", "field": "email", "days": 3}}, "cannot judge email; use one of created_at"),
        ({"own": {"kind": "unique", "field": "tags"}}, "cannot judge tags"),
        ({"own": {"kind": "pattern", "field": "updated_at", "pattern": "x"}}, "cannot judge updated_at"),
        ({"own": {"kind": "pattern", "field": "profile", "pattern": "x"}}, "cannot judge profile;"),
        ({"email_valid": {"days": 3}}, "`days` is only for rules of time"),
        ({"email_valid": {"severity": "high"}}, "'high' is none of error, warning, info"),
    ],
)
def test_bad_rules_are_refused(settings: dict[str, Any], problem: str) -> None:
    rules = {name: RuleSettings(**each) for name, each in settings.items()}

    with pytest.raises(ConfigurationError, match=problem) as refused:
        rule_set(rules)

    assert f"quality_rules.{next(iter(settings))}" in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"kind": "pattern", "field": PLACE}, "takes pattern"),
        ({"kind": "required", "field": PLACE, "days": 3}, "takes no argument"),
        ({"kind": "required"}, "name the `field`"),
        ({"kind": "one_of", "field": PLACE, "values": []}, "at least 1"),
        ({"field": PLACE}, "needs a `kind`"),
        ({"kind": "pattern", "field": PLACE, "pattern": "("}, "malformed"),
        ({"kind": "pattern", "field": PLACE, "pattern": "(?!x).*"}, "look-around"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        RuleSettings(**settings)


@pytest.mark.parametrize("name", ["Email", "a.b", "a@b", "$a", "1a", ""])
def test_names_that_cannot_be_keys(name: str) -> None:
    with pytest.raises(ValueError, match="rule name"):
        require_rule_names({name: None})
