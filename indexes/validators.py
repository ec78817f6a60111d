"""Validators of collections, made from the pydantic models. Pure.

MongoDB speaks JSON Schema draft 4 with `bsonType`, without `$ref`, `const`, `format` or `default`:
https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = Mapping[str, Any]

_BSON_TYPES: Final[Mapping[str, list[str]]] = {
    "string": ["string"],
    "boolean": ["bool"],
    # A whole number of any width: drivers choose int or long by the value.
    "integer": ["int", "long"],
    "number": ["int", "long", "double", "decimal"],
    "array": ["array"],
    "object": ["object"],
    "null": ["null"],
}
# Kept as they are; every other keyword (title, default, description, format, ...) is dropped.
_PLAIN: Final = (
    "enum",
    "required",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
)
_NULL: Final = {"bsonType": ["null"]}
_OBJECT_ID: Final = "PydanticObjectId"
_REF_PREFIX: Final = "#/$defs/"


def validator_of(model: type[BaseModel]) -> dict[str, Any]:
    """Make a collection's validator from the model of its documents.

    A field with a default may be missing; one that is there must fit. Unknown top-level fields are allowed
    (other clients add their own), unknown fields of embedded models that forbid them are not.

    Shape: `{"$jsonSchema": {"bsonType": ["object"], "required": [...], "properties": {...}}}`.
    """
    schema = model.model_json_schema()
    return {"$jsonSchema": bson_schema(schema, schema.get("$defs", {}))}


def bson_schema(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    """Convert one JSON Schema, references inlined, unsupported keywords dropped."""
    if "$ref" in schema:
        return _referenced(schema["$ref"].removeprefix(_REF_PREFIX), definitions)
    if "anyOf" in schema:
        return _any_of([bson_schema(option, definitions) for option in schema["anyOf"]])
    converted: dict[str, Any] = {key: schema[key] for key in _PLAIN if key in schema}
    if "const" in schema:
        converted["enum"] = [schema["const"]]
    if schema.get("format") == "date-time":
        return {"bsonType": ["date"]}
    if "type" in schema:
        converted["bsonType"] = list(_BSON_TYPES[schema["type"]])
    if "properties" in schema:
        converted["properties"] = {
            name: bson_schema(part, definitions) for name, part in schema["properties"].items()
        }
    if "items" in schema:
        converted["items"] = bson_schema(schema["items"], definitions)
    extra = schema.get("additionalProperties")
    if extra is False:
        converted["additionalProperties"] = False
    elif isinstance(extra, Mapping):
        converted["additionalProperties"] = bson_schema(extra, definitions)
    return converted


def _referenced(name: str, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    if name == _OBJECT_ID:
        return {"bsonType": ["objectId"]}
    return bson_schema(definitions[name], definitions)


def _any_of(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold `X or null` into X with one more type: the server checks one type instead of two schemas."""
    others = [option for option in options if option != _NULL]
    if len(others) == 1 and "bsonType" in others[0] and "enum" not in others[0]:
        return {**others[0], "bsonType": [*others[0]["bsonType"], "null"]}
    return {"anyOf": options}
