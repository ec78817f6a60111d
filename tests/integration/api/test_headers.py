"""Caching and content sniffing: headers of API answers, errors and static files."""

import pytest

from tests.integration.api.conftest import Client, create

# The seconds for which a browser may use its copy without asking. Modules of two versions do not fit together.
STATIC = [("/assets/base.css", 0), ("/assets/views/users.js", 0), ("/schema/assets/swagger-ui.css", 3600)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users", 200),
        ("GET", "/users/x", 404),
        ("GET", "/nope", 404),
        ("TRACE", "/users", 405),
        ("POST", "/users", 400),
        ("GET", "/users?x=1", 400),
        ("GET", "/health/live", 200),
        ("OPTIONS", "/users", 204),
        ("GET", "/assets/nope.js", 404),
    ],
)
async def test_answers_are_not_stored_or_sniffed(api: Client, method: str, path: str, status: int) -> None:
    response = await api.request(method, path)

    assert response.status_code == status
    assert response.headers.get_list("cache-control") == ["no-store"]
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_user_is_not_stored(api: Client) -> None:
    user = await create(api)

    read = await api.get(f"/users/{user['id']}")
    current = await api.get(f"/users/{user['id']}", headers={"if-none-match": '"1"'})

    assert [r.status_code for r in (read, current)] == [200, 304]
    assert [r.headers["cache-control"] for r in (read, current)] == ["no-store", "no-store"]


async def test_refusal_without_a_key_is_not_stored(anonymous: Client) -> None:
    response = await anonymous.get("/users")

    assert (response.status_code, response.headers["cache-control"]) == (401, "no-store")


@pytest.mark.parametrize(("path", "max_age_s"), STATIC)
async def test_static_files_are_cached_and_revalidated(anonymous: Client, path: str, max_age_s: int) -> None:
    first = await anonymous.get(path)
    tag = first.headers["etag"]
    again = await anonymous.get(path, headers={"if-none-match": f'"old", W/{tag}'})
    other = await anonymous.get(path, headers={"if-none-match": '"old"'})

    assert f"max-age={max_age_s}" in first.headers["cache-control"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("name", ["a" * 256, "\u00e9" * 128, "a/" * 3000 + "a", "a" * 5000])
@pytest.mark.parametrize("folder", ["/assets", "/schema/assets"])
async def test_impossible_file_name_is_404(anonymous: Client, folder: str, name: str) -> None:
    """A file system refuses such a name with an error of its own."""
    response = await anonymous.get(f"{folder}/{name}")

    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
