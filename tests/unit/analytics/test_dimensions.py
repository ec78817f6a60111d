"""What a user counts for in each dimension."""

from typing import Any

import pytest

from docustore.analytics.dimensions import DIMENSION_FIELDS, DIMENSIONS
from docustore.analytics.values import MAX_ELEMENTS, MAX_VALUE_BYTES
from tests.messy_users import LONG, TOO_LONG, TOO_LONG_IN_BYTES, messy_users

CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("status", {}, ("active",)),
    ("status", {"status": "suspended"}, ("suspended",)),
    ("status", {"status": "a.$b"}, ("other",)),
    ("source", {}, ("local",)),
    ("source", {"identities": [{"key": "local:5"}]}, ("local",)),
    ("source", {"identities": [{"key": "hr:7"}, {"key": "crm:1"}, {"key": "local:crm:1"}]}, ("crm", "hr")),
    ("source", {"identities": [{"key": f"{TOO_LONG}:1"}]}, ("other",)),
    ("location", {"profile": {"location": "Delft"}}, ("Delft",)),
    ("location", {"profile": {"location": ""}}, ("none",)),
    ("location", {"profile": [{"location": "Delft"}]}, ("none",)),
    ("location", {"profile": {"location": ["Delft"]}}, ("other",)),
    ("location", {"profile": {"location": LONG}}, (LONG,)),
    ("location", {"profile": {"location": TOO_LONG_IN_BYTES}}, ("other",)),
    ("language", {"profile": {"preferences": {"language": "nl"}}}, ("nl",)),
    ("language", {"profile": {"preferences": None}}, ("none",)),
    ("theme", {"profile": {"preferences": {"theme": "dark"}}}, ("dark",)),
    ("theme", {"profile": {"preferences": {"theme": "blue"}}}, ("other",)),
    ("theme", {"profile": {}}, ("none",)),
    ("role", {"roles": ["admin", "admin", "editor"]}, ("admin", "editor")),
    ("role", {"roles": "admin"}, ("other",)),
    ("role", {"roles": []}, ("none",)),
    ("tag", {"tags": ["vip", 7]}, ("other", "vip")),
    ("tag", {}, ("none",)),
    ("completeness", {}, ("0",)),
    ("completeness", {"profile": {"avatar": "https://x", "bio": "", "location": "Delft"}}, ("2",)),
    ("email_domain", {"email": "ada@example.org"}, ("example.org",)),
    ("email_domain", {"email": "ada"}, ("other",)),
    ("email_domain", {"email": "ada@"}, ("none",)),
]


@pytest.mark.parametrize(("name", "user", "values"), CASES)
def test_value(name: str, user: dict[str, Any], values: tuple[str, ...]) -> None:
    assert DIMENSIONS[name].values_of(user) == values


@pytest.mark.parametrize("dimension", DIMENSIONS.values(), ids=DIMENSIONS)
def test_any_user_has_values(dimension: Any) -> None:
    """At least one, each once, none too long; one only where the dimension has one."""
    for user in messy_users():
        values = dimension.values_of(user)

        assert values
        assert len(set(values)) == len(values) <= (MAX_ELEMENTS + 1 if dimension.is_multi_valued else 1)
        assert all(type(value) is str and 0 < len(value.encode()) <= MAX_VALUE_BYTES for value in values)


def test_elements_beyond_the_limit_are_one() -> None:
    many = [f"t{number:03}" for number in range(MAX_ELEMENTS + 5)]

    values = DIMENSIONS["tag"].values_of({"tags": many})

    assert values == ("other", *many[:MAX_ELEMENTS])


def test_fields_are_those_that_the_rules_read() -> None:
    for dimension in DIMENSIONS.values():
        for user in messy_users():
            own = {name: value for name, value in user.items() if name in dimension.fields}
            assert dimension.values_of(own) == dimension.values_of(user)
    assert DIMENSION_FIELDS == ("email", "identities", "profile", "roles", "status", "tags")
