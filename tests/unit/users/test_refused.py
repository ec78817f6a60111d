"""The server's reasons of a refusal as paths of fields."""

from typing import Any

import pytest

from docustore.users.refused import refused_fields

TYPE = {"operatorName": "bsonType", "reason": "type did not match"}


def answer(*rules: dict[str, Any]) -> dict[str, Any]:
    details = {"operatorName": "$jsonSchema", "schemaRulesNotSatisfied": list(rules)}
    return {"code": 121, "errInfo": {"failingDocumentId": 1, "details": details}}


def properties(**details: Any) -> dict[str, Any]:
    failed = [{"propertyName": name, "details": [detail]} for name, detail in details.items()]
    return {"operatorName": "properties", "propertiesNotSatisfied": failed}


@pytest.mark.parametrize(
    ("failure", "pointers"),
    [
        (answer(properties(email=TYPE, status={"operatorName": "enum"})), ["/email", "/status"]),
        (answer(properties(profile=properties(preferences=TYPE))), ["/profile/preferences"]),
        (answer(properties(roles={"operatorName": "items", "itemIndex": 2, "details": [TYPE]})), ["/roles/2"]),
        (answer({"operatorName": "required", "missingProperties": ["email"]}, properties(version=TYPE)),
         ["/email", "/version"]),
        (answer(properties(email=TYPE), properties(email=TYPE)), ["/email"]),
        (answer({"operatorName": "additionalProperties", "additionalProperties": ["x"]}), [""]),
        ({"code": 121}, [""]),
        ({"code": 121, "errInfo": None}, [""]),
    ],
)  # fmt: skip
def test_every_refused_field_is_named_once(failure: dict[str, Any], pointers: list[str]) -> None:
    errors = refused_fields(failure)

    assert [error.pointer for error in errors] == pointers
    assert {error.code for error in errors} == {"refused_by_validator"}
