"""Proposals hold for the users of today, and can be used as settings."""

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.cli.quality_profile import settings_of
from docustore.profiling.fields import Kind
from docustore.profiling.model import FieldProfile, UsersProfile
from docustore.profiling.patterns import PatternCount
from docustore.profiling.suggest import suggested_rules
from docustore.quality.declared import rule_set
from docustore.quality_settings import RuleSettings


def field(name: str, **changed: Any) -> FieldProfile:
    """Describe a text that 1,000 users have, each another one."""
    base = FieldProfile(
        field=name,
        kind=Kind.TEXT,
        missing=0,
        nulls=0,
        empty=0,
        other_type=0,
        filled=1000,
        filled_pct=100.0,
        distinct={"count": 900, "method": "exact", "error_pct": 0.0},
        top=[],
        patterns=[PatternCount(pattern="Aa+", count=700)],
        counted=1000,
        min_length=1,
        max_length=9,
        average_length=5.0,
        earliest=None,
        latest=None,
    )
    return FieldProfile(**{**base, **changed})  # type: ignore[typeddict-item]


def profile(*fields: FieldProfile, users: int = 1000) -> UsersProfile:
    return UsersProfile(
        users=users,
        stored=users,
        is_sample=False,
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=0.1,
        fields=list(fields),
    )


WORDS = [{"value": "en", "count": 600}, {"value": "de", "count": 400}]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"filled_pct": 99.5}, {"given": {"percent": 0.5}}),
        ({"filled_pct": 60.0}, {}),
        (
            {"filled_pct": 60.0, "distinct": {"count": 2, "method": "exact", "error_pct": 0.0}, "top": WORDS},
            {"known": None},
        ),
        # A word of few users may be a typing error.
        (
            {
                "filled_pct": 60.0,
                "distinct": {"count": 2, "method": "exact", "error_pct": 0.0},
                "top": [{"value": "en", "count": 998}, {"value": "xx", "count": 2}],
            },
            {},
        ),
        # Only the begin of this value is known.
        (
            {
                "filled_pct": 60.0,
                "distinct": {"count": 1, "method": "exact", "error_pct": 0.0},
                "top": [{"value": "x" * 200, "count": 1000}],
            },
            {},
        ),
        (
            {"filled_pct": 60.0, "patterns": [PatternCount(pattern="A+-9+", count=990)]},
            {"shaped": {"percent": 2.0}},
        ),
        ({"filled_pct": 60.0, "patterns": [PatternCount(pattern="A+-9+", count=900)]}, {}),
        ({"filled_pct": 60.0, "patterns": [PatternCount(pattern="Aa+ Aa+", count=1000)]}, {}),
        ({"filled_pct": 60.0, "distinct": {"count": 1000, "method": "exact", "error_pct": 0.0}}, {"unique": None}),
        ({"filled_pct": 60.0, "distinct": {"count": 1000, "method": "hyperloglog", "error_pct": 1.6}}, {}),
    ],
)
def test_rules_follow_from_figures(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    rules = suggested_rules(profile(field("profile.location", **changed)))

    assert {name.removeprefix("profile_location_"): rule.get("warn") for name, rule in rules.items()} == expected


def test_few_users_suggest_nothing() -> None:
    assert suggested_rules(profile(field("profile.location"), users=99)) == {}


def test_fields_of_built_in_rules_are_left_out() -> None:
    assert suggested_rules(profile(field("email"), field("status"))) == {}


def test_proposals_are_settings() -> None:
    """The printed text is read back as rules of the service."""
    fields = (
        field(
            "profile.preferences.language", top=WORDS, distinct={"count": 2, "method": "exact", "error_pct": 0.0}
        ),
        field("profile.location", patterns=[PatternCount(pattern='A"\\+-9+', count=1000)]),
    )

    text = settings_of(dict(suggested_rules(profile(*fields))))

    settings = {name: RuleSettings(**rule) for name, rule in tomllib.loads(text)["quality_rules"].items()}
    assert {rule.kind.value for rule in settings.values() if rule.kind} == {"required", "one_of", "pattern"}
    assert set(settings) < {rule.name for rule in rule_set(settings).rules}
