"""Every error is answered as problem details."""

import json

import pytest
from httpx2 import Response

from docustore.database import Database
from tests.integration.api.conftest import Client, create


def assert_problem(response: Response, status: int, kind: str) -> None:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["type"]) == (status, status, f"/problems/{kind}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == response.request.url.raw_path.decode().partition("?")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/users/x/y/z",
        "/schema/nope",
        "/assets/nope.js",
        "/assets/%00",
        "/schema/assets/nope",
        "/schema/assets/%00",
    ],
)
async def test_unknown_path_is_404(anonymous: Client, path: str) -> None:
    assert_problem(await anonymous.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "path", ["/users/6b03670836d3f4af790854b3", "/users/nobody", "/etl/runs/x", "/etl/quarantine/x"]
)
async def test_unknown_id_is_404(api: Client, path: str) -> None:
    assert_problem(await api.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/users"), ("POST", "/health/live"), ("PUT", "/etl/trigger")]
)
async def test_wrong_method_is_405_with_allowed_methods(api: Client, method: str, path: str) -> None:
    response = await api.request(method, path)

    assert_problem(response, 405, "method-not-allowed")
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/users"), ("PUT", "/users/x"), ("POST", "/users/bulk-status")]
)
async def test_body_of_another_type_is_415(api: Client, method: str, path: str, content_type: str) -> None:
    response = await api.request(method, path, content=b"{}", headers={"content-type": content_type})

    assert_problem(response, 415, "unsupported-media-type")


async def test_patch_of_another_type_is_415_with_types(api: Client) -> None:
    response = await api.patch("/users/x", content=b"{}", headers={"content-type": "text/plain"})

    assert_problem(response, 415, "unsupported-media-type")
    assert "application/json-patch+json" in response.headers["accept-patch"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff",
        b'{"email": "\xe9@example.org"}',
        b'{"email": NaN}',
        b'{"email": "\\ud800@example.org"}',
        b"[" * 5000,
        b"{} {}",
    ],
)
async def test_malformed_json_is_refused(api: Client, body: bytes) -> None:
    """The answer is 400 (no JSON) or 422 (JSON, but no user), and never 500."""
    user = await create(api)
    headers = {"content-type": "application/json", "if-match": "*"}

    for method, path in (("POST", "/users"), ("PATCH", f"/users/{user['id']}"), ("PUT", f"/users/{user['id']}")):
        response = await api.request(method, path, content=body, headers=headers)

        assert response.status_code in {400, 422}, (method, body[:20])
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), [("POST", "/users"), ("PATCH", "/users/x"), ("POST", "/login")])
@pytest.mark.parametrize("content_type", ["application/json", ""])
async def test_missing_body_is_400(api: Client, method: str, path: str, content_type: str) -> None:
    response = await api.request(method, path, headers={"content-type": content_type})

    assert_problem(response, 400, "bad-request")
    assert "application/json" in response.json()["detail"]


async def test_body_of_an_action_is_not_read(api: Client) -> None:
    user = await create(api)

    response = await api.post(
        f"/users/{user['id']}/suspend", content=b"why", headers={"content-type": "text/plain"}
    )

    assert (response.status_code, response.json()["status"]) == (200, "suspended")


async def test_missing_parameter_is_named(api: Client) -> None:
    response = await api.get("/users/search")

    assert_problem(response, 400, "invalid-query")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [("/q", "missing")]


@pytest.mark.parametrize(
    "path", ["/users?stauts=active", "/users/search?q=a&Limit=1", "/etl/runs?x=", "/etl/quarantine?x=1"]
)
async def test_misspelt_parameter_is_400(api: Client, path: str) -> None:
    """A misspelt filter must not answer with everything."""
    response = await api.get(path)

    assert_problem(response, 400, "invalid-query")
    assert [error["code"] for error in response.json()["errors"]] == ["unknown_parameter"]


async def test_body_above_1_mb_is_413(api: Client) -> None:
    response = await api.post("/users", json={"email": "a@b.io", "profile": {"bio": "x" * 1_100_000}})

    assert_problem(response, 413, "request-entity-too-large")


async def test_null_bytes_and_huge_numbers_are_422(api: Client) -> None:
    body = {
        "email": "a\0@b.io",
        "first_name": "a\0",
        "tags": ["\0"],
        "profile": {"preferences": {"theme": 10**30}},
    }

    response = await api.post("/users", content=json.dumps(body), headers={"content-type": "application/json"})

    assert_problem(response, 422, "invalid-input")
    assert len(response.json()["errors"]) == 4


async def test_unexpected_error_reveals_nothing(api: Client, database: Database) -> None:
    """Details of an internal error go to the log, not to the client."""
    secret = "hush-hush"
    await database.command("collMod", "etl_runs", validator={})
    await database["etl_runs"].insert_one({"source": {"key": secret}, "created_at": secret})

    response = await api.get("/etl/runs")

    assert_problem(response, 500, "internal-server-error")
    assert secret not in response.text


@pytest.mark.parametrize(
    ("path", "pointer", "code"),
    [
        ("/users?limit=101", "/limit", "out_of_range"),
        ("/users?limit=1e1", "/limit", "wrong_type"),
        ("/users?status=gone", "/status", "not_allowed"),
        ("/users?created_at[gte]=1700000000", "/created_at[gte]", "time_malformed"),
        ("/users?created_at[lt]=2026-01-31T12:00:00", "/created_at[lt]", "time_without_zone"),
        ("/users?status=active&status=inactive", "/status", "repeated_parameter"),
        ("/users/search?q=" + "a" * 201, "/q", "too_long"),
        ("/etl/runs?state=gone", "/state", "not_allowed"),
    ],
)
async def test_parameter_of_another_form_is_400(api: Client, path: str, pointer: str, code: str) -> None:
    response = await api.get(path)

    assert_problem(response, 400, "invalid-query")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]


async def test_every_invalid_parameter_is_listed(api: Client) -> None:
    response = await api.get("/users/search?limit=x&stauts=active")

    found = {error["pointer"]: error["code"] for error in response.json()["errors"]}
    assert found == {"/limit": "wrong_type", "/stauts": "unknown_parameter", "/q": "missing"}


async def test_malformed_login_is_a_plain_sentence(anonymous: Client) -> None:
    response = await anonymous.post("/login", json={"key": 5, "kye": "x"})

    assert_problem(response, 422, "invalid-input")
    found = {error["pointer"]: error["code"] for error in response.json()["errors"]}
    assert found == {"/key": "wrong_type", "/kye": "unknown_field"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"email": NaN}', "the body is not valid JSON: an error is near byte 10"),
        (b"{} {}", "the body is not valid JSON: an error is near byte 4"),
        (b'{"email": "\\ud800@example.org"}', "the body is not valid JSON: an error is near byte 17"),
        (b'{"email": ', "the body is not valid JSON: it ends too early"),
        (b'{"email": 1e999}', "the body is not valid JSON: a number is out of range"),
        (b'{"email": ' + b"9" * 5000 + b"}", "the body is not valid JSON: a number is out of range"),
    ],
)
async def test_malformed_json_is_a_plain_sentence(api: Client, body: bytes, detail: str) -> None:
    """The sentence of the parser names its own types, and no next step."""
    response = await api.post("/users", content=body, headers={"content-type": "application/json"})

    assert_problem(response, 400, "bad-request")
    assert response.json()["detail"] == detail


async def test_only_the_first_hundred_errors_are_listed(api: Client) -> None:
    """A body has room for many thousands of unknown fields."""
    response = await api.post("/users", json={"email": "a@b.example", **{f"x{n}": 1 for n in range(101)}})

    assert_problem(response, 422, "invalid-input")
    assert len(response.json()["errors"]) == 100
    assert "101 places" in response.json()["detail"]
