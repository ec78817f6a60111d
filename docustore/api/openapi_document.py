"""The finishing of the OpenAPI document that the framework makes. Pure.

The framework knows routes and types. This module adds what it does not know: the schemas of bodies as pydantic
checks them, the bodies of patches, the headers of responses, and which headers a request must have.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from docustore.api.patches import MAX_OPERATIONS, PLAIN_JSON, PatchType

Node = dict[str, Any]
_NULL: Final = {"type": "null"}
_REF: Final = "#/components/schemas/"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_ETAG: Final = "the present version of the user, for `If-Match`"
# Headers of errors, by status. Those of success are declared with their routes.
_ERROR_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    "304": {"ETag": "that of your copy"},
    "401": {"WWW-Authenticate": "the scheme of the keys: `Bearer`"},
    "412": {"ETag": _ETAG},
    "429": {"Retry-After": "seconds after which the same request may succeed"},
    "503": {"Retry-After": "seconds after which the same request may succeed"},
}
# Only on some answers with the status.
_OPTIONAL_HEADERS: Final = frozenset(
    {"As-Of-State", "Link", "Idempotent-Replayed", "Preference-Applied", "RateLimit", "RateLimit-Policy"}
)
# The types of a file whose format the request chooses. The framework knows one type per route, and promises
# headers that a stream does not have.
_FILE_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "export_users": (
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.parquet",
        "application/gzip",
    ),
}
# Reports that a request may also get as a table.
_TABLES: Final = frozenset(
    {"get_analytics_of_users", "list_account_ages", "list_cohorts", "list_registrations", "list_transitions"}
)
# A new document has no version yet: only a replacement needs If-Match.
_CREATE_OR_REPLACE: Final = frozenset({"save_query", "save_report"})
_OF_FILES: Final = ("content-length", "last-modified", "etag")


def finished(document: Mapping[str, Any], bodies: Mapping[str, Node]) -> Node:
    """Return the finished document; the argument is not changed.

    Args:
        bodies: JSON Schemas of request bodies and their parts, by component name, with `$ref` to components.
    """
    done: Node = _without_null(document)
    schemas = done["components"]["schemas"]
    schemas.update(_without_server_keywords(bodies))
    for name in ("UserInput", "Profile", "Preferences"):
        schemas[patch_name(name)] = _merge_patch(schemas[name])
    schemas["JsonPatch"] = _json_patch()
    for path in done["paths"].values():
        for method in _METHODS & path.keys():
            _finish_operation(path[method])
    return done


def patch_name(name: str) -> str:
    """Name the merge patch of a schema: `UserInput` -> `UserPatch`."""
    return f"{name.removesuffix('Input')}Patch"


def _finish_operation(operation: Node) -> None:
    responses = operation["responses"]
    if types := _FILE_TYPES.get(operation.get("operationId", "")):
        _finish_file(responses["200"], types)
    if operation.get("operationId") in _TABLES:
        responses["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    for parameter in operation.get("parameters", ()):
        is_precondition = "428" in responses and operation.get("operationId") not in _CREATE_OR_REPLACE
        _finish_parameter(parameter, is_precondition=is_precondition)
    if PatchType.JSON.value in (content := operation.get("requestBody", {}).get("content", {})):
        for media_type, described in content.items():
            name = "JsonPatch" if media_type == PatchType.JSON.value else patch_name("UserInput")
            described["schema"] = {"$ref": f"{_REF}{name}"}
        content[PLAIN_JSON].setdefault("examples", content[PatchType.MERGE.value].get("examples", {}))
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers.update({name: {"description": text} for name, text in _ERROR_HEADERS.get(status, {}).items()})
        for name, header in headers.items():
            header.setdefault("schema", {"type": "string"})
            header["required"] = name not in _OPTIONAL_HEADERS
        if not headers:
            del response["headers"]


def _finish_file(response: Node, types: tuple[str, ...]) -> None:
    response["content"] = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in types}
    response["headers"] = {name: each for name, each in response["headers"].items() if name not in _OF_FILES}


def _finish_parameter(parameter: Node, *, is_precondition: bool) -> None:
    if parameter["in"] == "header" and parameter["name"] == "If-Match" and is_precondition:
        parameter["required"] = True
    # An absent parameter is not null.
    schema = parameter["schema"]
    options = [option for option in schema.get("oneOf", ()) if option != _NULL]
    if len(options) == 1:
        rest = {name: part for name, part in schema.items() if name != "oneOf"}
        parameter["schema"] = {"allOf": options, **rest} if "$ref" in options[0] else {**options[0], **rest}


def _merge_patch(schema: Node) -> Node:
    """Describe a merge patch (RFC 7396); null sets a field to its default."""
    required = schema.get("required", [])
    properties = {
        name: _patched(part) if name in required else {"anyOf": [_patched(part), _NULL]}
        for name, part in schema["properties"].items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _patched(part: Node) -> Node:
    kept = {name: value for name, value in part.items() if name not in {"default", "anyOf"}}
    options = [option for option in part.get("anyOf", ()) if option != _NULL]
    if options:
        kept = {**kept, **options[0]}
    if kept.get("$ref") in {f"{_REF}Profile", f"{_REF}Preferences"}:
        return {"$ref": _REF + patch_name(kept["$ref"].removeprefix(_REF))}
    return kept


def _json_patch() -> Node:
    """Describe a JSON patch (RFC 6902)."""
    pointer: Node = {"type": "string", "pattern": "^(?:/(?:[^~/]|~[01])*)*$"}
    kinds: list[tuple[list[str], Node]] = [
        (["add", "replace", "test"], {"value": {}}),
        (["remove"], {}),
        (["move", "copy"], {"from": pointer}),
    ]
    operations = [
        {
            "type": "object",
            "required": ["op", "path", *extra],
            "properties": {"op": {"type": "string", "enum": words}, "path": pointer, **extra},
        }
        for words, extra in kinds
    ]
    return {
        "type": "array",
        "maxItems": MAX_OPERATIONS,
        "description": "operations of RFC 6902, applied in order, all or none",
        "items": {"oneOf": operations},
    }


def _without_null(node: Any) -> Any:
    """Copy JSON; bounds such as 100.0 become whole numbers."""
    if isinstance(node, Mapping):
        return {name: _without_null(part) for name, part in node.items()}
    if isinstance(node, list):
        return [_without_null(part) for part in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _without_server_keywords(bodies: Mapping[str, Node]) -> Node:
    return {name: _cleaned(schema) for name, schema in bodies.items()}


def _cleaned(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _cleaned(part) for name, part in _shown(node)}
    return [_cleaned(part) for part in node] if isinstance(node, list) else node


def _shown(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    # `title` repeats the name of the field; a field may have this name itself.
    for name, part in node.items():
        if not name.startswith("x-server-") and not (name == "title" and isinstance(part, str)):
            yield name, part
