"""Conversion of the OpenAPI document to version 3.0. Pure.

Some tools support only version 3.0; the bundled Swagger UI 4 is one of them.
"""

from collections.abc import Mapping
from typing import Any, Final

_NULL: Final = {"type": "null"}


def to_openapi_30(document: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an OpenAPI 3.1 document to 3.0.3; the argument is not changed.

    Converts the 3.1 features of our own document: null as a type, `const`, lists of `examples` in schemas, and
    exclusive bounds as numbers.
    """
    converted: dict[str, Any] = _converted(document)
    return {**converted, "openapi": "3.0.3"}


def _converted(node: Any) -> Any:
    if isinstance(node, list):
        return [_converted(part) for part in node]
    if not isinstance(node, Mapping):
        return node
    return _without_null({name: _converted(part) for name, part in node.items()})


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    for keyword in ("oneOf", "anyOf"):
        options = node.get(keyword)
        if isinstance(options, list) and _NULL in options:
            rest = {name: part for name, part in node.items() if name != keyword}
            node = {**_alternatives([option for option in options if option != _NULL], keyword), **rest}
            node["nullable"] = True
    kind = node.get("type")
    if isinstance(kind, list) and "null" in kind:
        node = {**node, "type": next(name for name in kind if name != "null"), "nullable": True}
    return _renamed(node)


def _alternatives(options: list[dict[str, Any]], keyword: str) -> dict[str, Any]:
    if len(options) > 1:
        return {keyword: options}
    # Version 3.0 ignores the siblings of a `$ref`; inside `allOf`, `nullable` takes effect.
    return {"allOf": options} if "$ref" in options[0] else options[0]


def _renamed(node: dict[str, Any]) -> dict[str, Any]:
    if "const" in node and "type" in node:
        node["enum"] = [node.pop("const")]
    if isinstance(node.get("examples"), list):
        node["example"] = node.pop("examples")[0]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node and not isinstance(node[exclusive], bool):
            node[bound], node[exclusive] = node[exclusive], True
    return node
