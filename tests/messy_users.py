"""Users as other clients may write them, with values of any type in any field."""

import random
from datetime import UTC, datetime
from typing import Any

from bson import DBRef, ObjectId
from bson.code import Code
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.regex import Regex

MOMENT = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)
LONG = "x" * 256
TOO_LONG = "x" * 257
# 86 characters, 258 bytes.
TOO_LONG_IN_BYTES = "\N{EURO SIGN}" * 86

ANY_VALUE: list[Any] = [
    None,
    "",
    " ",
    "none",
    "other",
    "local",
    "a.$b",
    "$active",
    "nul\x00l",
    "Zoë",
    LONG,
    TOO_LONG,
    TOO_LONG_IN_BYTES,
    0,
    7,
    Int64(2**60),
    True,
    False,
    1.5,
    float("nan"),
    Decimal128("1"),
    MOMENT,
    ObjectId("0" * 24),
    b"bytes",
    Code("function() {}"),
    Code(""),
    Regex("^a"),
    [],
    [None],
    [""],
    ["a", "a", "b"],
    ["a.$b", "$c", "other", "none"],
    [1, {"x": 1}, ["y"], "z", TOO_LONG, TOO_LONG_IN_BYTES],
    [str(number) for number in range(200)],
    [str(number) for number in range(201)],
    {},
    {"$x": 1},
    {"key": "crm:1"},
    DBRef("users", 1),
]
FIELDS = ("status", "roles", "tags", "email", "identities", "profile", "created_at", "deleted_at")
PARTS = ("avatar", "bio", "location")
CHOICES = ("theme", "language")
KEYS = ("crm:1", "crm:2", "hr:x:y", "local:crm:1", "local:5", "nocolon", ":x", "", f"{TOO_LONG}:1", 5, None)
EMAILS = ("a@b.org", "a@b@c.org", "plain", "a@", "@", "@d.org", f"a@{TOO_LONG}", "Ä@Ö.org")


def messy_users() -> list[dict[str, Any]]:
    """List users, each with one value that no model allows, or that is at a limit."""
    fields = [{name: value} for name in FIELDS for value in ANY_VALUE if name != "deleted_at"]
    parts = [{"profile": {name: value}} for name in (*PARTS, "preferences") for value in ANY_VALUE]
    choices = [{"profile": {"preferences": {name: value}}} for name in CHOICES for value in ANY_VALUE]
    themes = [{"profile": {"preferences": {"theme": theme}}} for theme in ("light", "dark", "Light")]
    keys = [{"identities": [{"key": key}]} for key in KEYS]
    others = [
        {},
        {"identities": [{"key": key} for key in KEYS]},
        {"identities": ["crm:1", [{"key": "crm:1"}], {"id": "crm:1"}, DBRef("users", 1, key="ref:1")]},
        {"identities": [{"key": f"s{number}:1"} for number in range(201)]},
        {"profile": [{"location": "Delft", "preferences": {"theme": "dark"}}]},
        {"profile": {"preferences": [{"theme": "dark", "language": "nl"}]}},
        {"profile": DBRef("profiles", 1, location="Delft", preferences={"theme": "dark"})},
        {"profile": {"avatar": "a", "bio": "b", "location": "c"}},
        {"status": "suspended", "roles": ["admin"], "tags": ["vip"], "email": "ada@example.org"},
        *({"email": email} for email in EMAILS),
    ]
    return [*fields, *parts, *choices, *themes, *keys, *others]


def messy_user(chance: random.Random) -> dict[str, Any]:
    """Make a user of several random values."""
    user: dict[str, Any] = {}
    for each in chance.sample(messy_users(), 4):
        user |= each
    return user
