"""The response of JSON beside the framework's own."""

from typing import Any

import msgspec
import pytest
from bson import Code, Decimal128, Int64, ObjectId, Regex

from docustore.api.json_response import JsonResponse, plain


async def sent(response: JsonResponse[Any]) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    await response.to_asgi_response(None, None)({}, None, send)  # type: ignore[arg-type]
    return messages


async def test_answer_has_its_status_headers_and_body() -> None:
    response = JsonResponse({"a": [1, "ä", None]}, status=201, headers={"ETag": '"1"'})
    response.headers["As-Of-State"] = "proven"

    start, body = await sent(response)

    assert start["status"] == 201
    assert start["headers"] == [
        (b"etag", b'"1"'),
        (b"as-of-state", b"proven"),
        (b"content-type", b"application/json"),
        (b"content-length", b"19"),
    ]
    assert body == {"type": "http.response.body", "body": '{"a":[1,"ä",null]}'.encode(), "more_body": False}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Int64(5), 5),
        (Code("x"), "x"),
        (Decimal128("1.5"), "1.5"),
        (ObjectId("65f1c7a2b3d4e5f6a7b8c9d0"), "65f1c7a2b3d4e5f6a7b8c9d0"),
        (b"x", "b'x'"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_other_types_become_numbers_and_texts(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_expressions_are_texts() -> None:
    assert isinstance(plain(Regex("^a")), str)
    assert msgspec.json.encode({"a": Regex("^a")}, enc_hook=plain)
