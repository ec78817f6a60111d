"""Each built-in rule: a user that violates it, and the change that heals the user."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson.code import Code

from docustore.quality.builtin import BUILTIN
from docustore.quality.counts import QualityCounts
from docustore.quality.rules import Holds, NotOlderThan, UniqueBy
from docustore.quality.stored import counted_of
from docustore.quality.verdict import RuleSet, Verdict
from tests.unit.quality.stored_counts import stored

RULES = RuleSet(BUILTIN)
PREFERENCES = {"notifications": True, "theme": "light", "language": "en"}
GOOD: dict[str, Any] = {
    "_id": 1,
    "email": "ada@example.org",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "status": "active",
    "profile": {
        "avatar": "https://example.org/a.png",
        "bio": "Analyst",
        "location": "London",
        "preferences": PREFERENCES,
    },
    "roles": [],
    "tags": [],
    "identities": [{"key": "crm:1", "modified_at": datetime.fromisoformat("2026-01-01"), "hash": ""}],
    "created_at": datetime.fromisoformat("2026-01-01"),
    "updated_at": datetime.fromisoformat("2026-02-01"),
    "deleted_at": None,
    "version": 1,
}
ENDED = [
    {
        "key": "crm:1",
        "modified_at": datetime.fromisoformat("2026-01-01"),
        "hash": "",
        "deleted_at": datetime.fromisoformat("2026-01-02"),
    }
]
VIOLATIONS: list[tuple[str, dict[str, Any]]] = [
    ("first_name_present", {"first_name": "  "}),
    ("first_name_present", {"first_name": None}),
    ("last_name_present", {"last_name": ""}),
    ("preferences_complete", {"profile": {**GOOD["profile"], "preferences": {"theme": "dark"}}}),
    ("preferences_complete", {"profile": "none"}),
    ("profile_complete", {"profile": {**GOOD["profile"], "bio": ""}}),
    ("email_valid", {"email": "ada"}),
    ("email_valid", {"email": "ADA@example.org"}),
    ("email_valid", {"email": 7}),
    ("status_known", {"status": "archived"}),
    ("status_known", {"status": Code("active")}),
    ("avatar_is_web_address", {"profile": {**GOOD["profile"], "avatar": "javascript:alert(1)"}}),
    ("status_follows_sources", {"identities": ENDED}),
    ("times_in_order", {"updated_at": datetime.fromisoformat("2025-01-01")}),
    ("written_by_the_model", {"version": None}),
    ("written_by_the_model", {"created_at": "2026-01-01"}),
    ("written_by_the_model", {"roles": "admin"}),
    ("written_by_the_model", {"roles": ["admin", 7]}),
    ("written_by_the_model", {"version": True}),
    ("written_by_the_model", {"identities": [{"key": 7}]}),
    # A list or an object is no member of a set: it must be violated, not left out.
    ("status_known", {"status": ["active"]}),
    ("preferences_complete", {"profile": {**GOOD["profile"], "preferences": {**PREFERENCES, "theme": {"a": 1}}}}),
]
# The change that heals a user of a rule of time.
AGES: dict[str, dict[str, Any]] = {"updated_lately": {"updated_at": datetime.fromisoformat("2026-03-01")}}
# What makes another user a twin of the good one, and what heals both.
TWINS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mailbox_unique": ({"email": "ada+news@example.org"}, {"email": "ben@example.org"}),
    "person_unique": ({"first_name": "ADA"}, {"last_name": "Byron"}),
}


def verdict(**changed: Any) -> Verdict:
    found = RULES.verdict_of({**GOOD, **changed})
    assert found is not None
    return found


def names(ids: list[str]) -> set[str]:
    return {rule_id.partition("@")[0] for rule_id in ids}


@pytest.mark.parametrize(("rule", "changed"), VIOLATIONS)
def test_violation_and_its_healing(rule: str, changed: dict[str, Any]) -> None:
    assert rule in names(verdict(**changed)["violated"])
    assert rule in names(verdict()["passed"])


def test_every_rule_has_a_violation_and_its_healing() -> None:
    """A rule without one could never fail, or never recover."""
    kinds = (Holds, NotOlderThan, UniqueBy)
    by_kind = {kind: {rule.name for rule in BUILTIN if isinstance(rule.check, kind)} for kind in kinds}

    assert {rule for rule, _ in VIOLATIONS} == by_kind[Holds]
    assert set(AGES) == by_kind[NotOlderThan]
    assert set(TWINS) == by_kind[UniqueBy]


@pytest.mark.parametrize("rule", AGES)
def test_old_time_violates_and_an_update_heals(rule: str) -> None:
    """Without a write: the verdict is the same before and after the cut-off."""
    cutoff = GOOD["updated_at"] + timedelta(days=1)
    rule_id = RULES.ids[rule]

    def old(**changed: Any) -> int:
        counts = QualityCounts()
        counts.add(verdict(**changed), 1)
        return counted_of(stored(counts)).times(rule_id, cutoff).before_slot(cutoff)

    assert old() == 1
    assert old(**AGES[rule]) == 0


@pytest.mark.parametrize("rule", TWINS)
def test_twins_violate_and_a_change_of_one_heals_both(rule: str) -> None:
    rule_id = RULES.ids[rule]
    stored: dict[tuple[str, str], int] = {}

    def moved(before: Verdict | None, after: Verdict | None) -> int:
        counts = QualityCounts()
        counts.add(before, -1)
        counts.add(after, 1)
        shared = counts.shared(stored).get(rule_id, 0)
        for value, number in counts.values.items():
            stored[value] = stored.get(value, 0) + number
        return shared

    one, twin = verdict(), verdict(**TWINS[rule][0])

    assert moved(None, one) == 0
    assert moved(None, twin) == 2
    assert moved(twin, verdict(**TWINS[rule][1])) == -2


def test_good_user_violates_nothing() -> None:
    found = verdict()

    assert (found["violated"], found["skipped"], found["inapplicable"]) == ([], [], [])
    assert names([clock["rule"] for clock in found["clocks"]]) == {
        rule.name for rule in BUILTIN if isinstance(rule.check, NotOlderThan)
    }
    assert names([key["rule"] for key in found["keys"]]) == {
        rule.name for rule in BUILTIN if isinstance(rule.check, UniqueBy)
    }


def test_deleted_user_has_no_verdict() -> None:
    assert RULES.verdict_of({**GOOD, "deleted_at": datetime.fromisoformat("2026-03-01")}) is None


def test_user_without_any_field_is_judged() -> None:
    """Other clients write users; a rule that cannot judge one says so and never passes."""
    found = RULES.verdict_of({"_id": 1})

    assert found is not None
    assert {"email_valid", "status_known", "written_by_the_model"} <= names(found["violated"])
    assert {"times_in_order", "updated_lately"} <= names(found["skipped"])
    assert {"avatar_is_web_address", "mailbox_unique", "person_unique"} <= names(found["inapplicable"])


def test_edit_may_set_any_status() -> None:
    edit = {"key": "local:crm:1", "modified_at": datetime.fromisoformat("2026-01-03"), "hash": ""}

    assert "status_follows_sources" in names(verdict(identities=[*ENDED, edit])["passed"])


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("ada@example.org", "ada+news@example.org", True),
        ("ada.l@gmail.com", "adal@googlemail.com", True),
        ("ada.l@example.org", "adal@example.org", False),
        ("ada@example.org", "ada@example.com", False),
    ],
)
def test_spellings_of_a_mailbox(one: str, other: str, *, is_same: bool) -> None:
    values = [key["value"] for email in (one, other) for key in verdict(email=email)["keys"]
              if key["rule"].startswith("mailbox_unique@")]  # fmt: skip

    assert (values[0] == values[1]) is is_same


def test_same_person_with_accents_and_spaces() -> None:
    one = verdict(first_name="José", last_name="García")["keys"]
    other = verdict(first_name="jose ", last_name=" Garcia")["keys"]

    assert [key for key in one if key["rule"].startswith("person")] == [
        key for key in other if key["rule"].startswith("person")
    ]
