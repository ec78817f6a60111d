from typing import Any

import pytest

from docustore.api.openapi_30 import to_openapi_30


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "description": "d"},
            {"allOf": [{"$ref": "#/x"}], "description": "d", "nullable": True},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}]},
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
        ),
        ({"type": ["integer", "null"]}, {"type": "integer", "nullable": True}),
        ({"type": "string", "const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 3}),
    ],
)
def test_schema_is_converted_to_3_0(given: dict[str, Any], expected: dict[str, Any]) -> None:
    document = {"openapi": "3.1.0", "components": {"schemas": {"A": given}}}

    assert to_openapi_30(document) == {"openapi": "3.0.3", "components": {"schemas": {"A": expected}}}
