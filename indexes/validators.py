"""Make the validators of collections from the pydantic models. Pure.

MongoDB supports JSON Schema draft 4 with `bsonType`, without `$ref`, `const`, `format` or `default`:
https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = Mapping[str, Any]

_BSON_TYPES: Final[Mapping[str, list[str]]] = {
    "string": ["string"],
    "boolean": ["bool"],
    # An integer of any width: drivers choose int or long by the value.
    "integer": ["int", "long"],
    "number": ["int", "long", "double", "decimal"],
    "array": ["array"],
    "object": ["object"],
    "null": ["null"],
}
# An expression for the server, in PCRE. `pattern` is for the API's description, in ECMA 262, and is dropped.
_SERVER_PATTERN: Final = "x-server-pattern"
# These keywords are copied. All others (title, default, description, format, ...) are dropped.
_PLAIN: Final = (
    "enum",
    "required",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
)
_KEPT: Final = {**{name: name for name in _PLAIN}, _SERVER_PATTERN: "pattern"}
_NULL: Final = {"bsonType": ["null"]}
_OBJECT_ID: Final = "PydanticObjectId"
_REF_PREFIX: Final = "#/$defs/"


def validator_of(model: type[BaseModel]) -> dict[str, Any]:
    """Make a collection's validator from the model of its documents.

    A field with a default may be missing. A present field must be valid. Unknown top-level fields are allowed,
    because other clients add their own. Unknown fields of an embedded model are refused if the model forbids them.

    Shape: `{"$jsonSchema": {"bsonType": ["object"], "required": [...], "properties": {...}}}`.
    """
    schema = model.model_json_schema()
    return {"$jsonSchema": bson_schema(schema, schema.get("$defs", {}))}


def bson_schema(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    """Convert one JSON Schema; inline references and drop unsupported keywords."""
    if "$ref" in schema:
        return _referenced(schema["$ref"].removeprefix(_REF_PREFIX), definitions)
    if "anyOf" in schema:
        return _any_of([bson_schema(option, definitions) for option in schema["anyOf"]])
    converted: dict[str, Any] = {_KEPT[key]: schema[key] for key in _KEPT if key in schema}
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
    """Combine the options into one schema.

    `X or null` becomes X with one more type, so that the server checks one schema instead of two.
    """
    others = [option for option in options if option != _NULL]
    if len(others) == 1 and "bsonType" in others[0] and "enum" not in others[0]:
        return {**others[0], "bsonType": [*others[0]["bsonType"], "null"]}
    return {"anyOf": options}
