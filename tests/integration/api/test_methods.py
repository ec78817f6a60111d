"""HEAD, OPTIONS and the header `Allow` of every route."""

import pytest

from tests.integration.api.conftest import Client, create


@pytest.mark.parametrize(
    "path", ["/health/live", "/schema", "/login", "/assets/base.css", "/users", "/nope", "/users?limit=0"]
)
async def test_head_is_get_without_the_body(api: Client, path: str) -> None:
    got, headed = await api.get(path), await api.head(path)

    assert got.content
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    one, other = ({**answer.headers, "x-request-id": ""} for answer in (headed, got))
    assert one == other


async def test_head_returns_the_version(api: Client) -> None:
    user = await create(api)

    response = await api.head(f"/users/{user['id']}")

    assert (response.status_code, response.headers["etag"]) == (200, '"1"')


async def test_head_needs_a_key_like_get(anonymous: Client) -> None:
    assert (await anonymous.head("/users")).status_code == 401


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/users", "GET, HEAD, OPTIONS, POST"),
        ("/users/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/users/x/activate", "OPTIONS, POST"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/assets/base.css", "GET, HEAD, OPTIONS"),
        ("/schema", "GET, HEAD, OPTIONS"),
        ("/problems", "GET, HEAD, OPTIONS"),
    ],
)
async def test_allow_names_every_method(api: Client, path: str, methods: str) -> None:
    for form in (path, f"{path}/"):
        options, refused = await api.options(form), await api.request("TRACE", form)

        assert (options.status_code, options.headers["allow"]) == (204, methods)
        assert (refused.status_code, refused.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("tags", [('"7"', '"1"'), ('"1"', '"7"')])
async def test_lines_of_if_none_match_are_one_list(api: Client, tags: tuple[str, str]) -> None:
    user = await create(api)

    response = await api.get(f"/users/{user['id']}", headers=[("If-None-Match", tag) for tag in tags])

    assert response.status_code == 304


@pytest.mark.parametrize("lines", [("respond-async", "count=exact"), ("count=exact", "respond-async")])
async def test_lines_of_prefer_are_one_list(api: Client, lines: tuple[str, str]) -> None:
    response = await api.get("/users", headers=[("Prefer", line) for line in lines])

    assert response.headers["preference-applied"] == "count=exact"


@pytest.mark.parametrize(("tags", "status"), [(('"7"', '"1"'), 204), (('"1"', '"7"'), 204), (('"7"', '"8"'), 412)])
async def test_lines_of_if_match_are_one_list(api: Client, tags: tuple[str, str], status: int) -> None:
    user = await create(api)

    response = await api.delete(f"/users/{user['id']}", headers=[("If-Match", tag) for tag in tags])

    assert response.status_code == status
