"""Models become validators in the server's own dialect."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from beanie import PydanticObjectId
from pydantic import BaseModel, ConfigDict, Field

from docustore.users.models import User
from indexes.validators import validator_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 1


class Thing(BaseModel):
    id: PydanticObjectId = Field(alias="_id")
    seen_at: datetime
    ended_at: datetime | None = None
    count: int = Field(0, ge=0)
    ratio: float = 0.5
    is_new: bool = True
    kind: Literal["thing"] = "thing"
    colour: Colour = Colour.RED
    other: Colour | None = None
    part: Part = Field(default_factory=Part)
    words: list[str] = Field(default_factory=list, max_length=3)
    totals: dict[str, int] = Field(default_factory=dict)
    anything: dict[str, Any] = Field(default_factory=dict)


SCHEMA = validator_of(Thing)["$jsonSchema"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("_id", {"bsonType": ["objectId"]}),
        ("seen_at", {"bsonType": ["date"]}),
        ("ended_at", {"bsonType": ["date", "null"]}),
        ("count", {"bsonType": ["int", "long"], "minimum": 0}),
        ("ratio", {"bsonType": ["int", "long", "double", "decimal"]}),
        ("is_new", {"bsonType": ["bool"]}),
        ("kind", {"bsonType": ["string"], "enum": ["thing"]}),
        ("colour", {"bsonType": ["string"], "enum": ["red", "blue"]}),
        ("words", {"bsonType": ["array"], "maxItems": 3, "items": {"bsonType": ["string"]}}),
        ("totals", {"bsonType": ["object"], "additionalProperties": {"bsonType": ["int", "long"]}}),
        ("anything", {"bsonType": ["object"]}),
    ],
)
def test_type_becomes_bson_type(field: str, expected: dict[str, Any]) -> None:
    assert SCHEMA["properties"][field] == expected


def test_optional_enum_keeps_its_words() -> None:
    """`enum` next to a null type would refuse the null."""
    assert SCHEMA["properties"]["other"] == {
        "anyOf": [{"enum": ["red", "blue"], "bsonType": ["string"]}, {"bsonType": ["null"]}]
    }


def test_embedded_model_is_inlined_and_closed() -> None:
    assert SCHEMA["properties"]["part"] == {
        "bsonType": ["object"],
        "properties": {"size": {"bsonType": ["int", "long"]}},
        "additionalProperties": False,
    }


def test_only_fields_without_default_required() -> None:
    """Other clients may write only an e-mail; missing fields have defaults."""
    assert SCHEMA["required"] == ["_id", "seen_at"]
    assert validator_of(User)["$jsonSchema"]["required"] == ["email"]


def test_unknown_top_level_fields_are_allowed() -> None:
    assert "additionalProperties" not in validator_of(User)["$jsonSchema"]


def test_no_keyword_the_server_refuses_is_left() -> None:
    def keywords(schema: dict[str, Any]) -> set[str]:
        inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
        inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
        return set(schema).union(*(keywords(part) for part in inner))

    refused = {"$ref", "$defs", "format", "default", "const", "type", "title", "description", "example"}
    assert not keywords(validator_of(User)["$jsonSchema"]) & refused


def test_only_the_expression_for_the_server_is_kept() -> None:
    """`pattern` is for the API's description and in another dialect."""

    class Texts(BaseModel):
        name: str = Field("", pattern="^a")
        code: str = Field("", json_schema_extra={"x-server-pattern": r"^b\z", "pattern": "^b$"})

    fields = validator_of(Texts)["$jsonSchema"]["properties"]

    assert fields == {"name": {"bsonType": ["string"]}, "code": {"bsonType": ["string"], "pattern": r"^b\z"}}
