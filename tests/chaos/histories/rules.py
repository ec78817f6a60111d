"""The rules of quality of a history: the built-in ones and some of each kind, one of which is edited."""

import json
from typing import Any, Final

from docustore.quality_settings import RuleSettings

LETTERS: Final = "aeo"
REGISTERED_DAYS: Final = 500
KNOWN_LANGUAGES: Final = ("en", "nl", "fr")


def forbidden_letter(edit: int) -> str:
    """Return the letter that no last name may contain after so many edits."""
    return LETTERS[edit % len(LETTERS)]


def declared_rules(*, edit: int) -> dict[str, RuleSettings]:
    """Declare a rule of each kind; each edit is another version of `last_name_form`."""
    given: dict[str, dict[str, Any]] = {
        "staff_has_location": {
            "kind": "required",
            "field": "profile.location",
            "when": {"roles": ["staff"]},
            "dimension": "consistency",
        },
        "last_name_form": {
            "kind": "pattern",
            "field": "last_name",
            "pattern": f"[^{forbidden_letter(edit)}]*",
        },
        "language_known": {
            "kind": "one_of",
            "field": "profile.preferences.language",
            "values": list(KNOWN_LANGUAGES),
        },
        "registered_lately": {"kind": "max_age", "field": "created_at", "days": REGISTERED_DAYS},
        "bio_unique": {"kind": "unique", "field": "profile.bio"},
    }
    return {name: RuleSettings.model_validate(own) for name, own in given.items()}


def rules_variable(rules: dict[str, RuleSettings]) -> str:
    """Write the rules as the value of `DOCUSTORE_QUALITY_RULES`."""
    return json.dumps({name: rule.model_dump(mode="json", exclude_unset=True) for name, rule in rules.items()})
