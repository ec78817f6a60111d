"""Scripts in the values of users."""

import pytest

from tests.integration.api.conftest import Client, create

SCRIPT = "<script>alert(1)</script>"


async def test_script_in_a_name_stays_text(api: Client) -> None:
    """The answer is JSON that no browser takes for a page."""
    user = await create(api, first_name=SCRIPT, tags=[SCRIPT])

    response = await api.get(f"/users/{user['id']}", headers={"accept": "text/html"})

    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["first_name"] == SCRIPT


@pytest.mark.parametrize("path", [f"/{SCRIPT}", f"/users/{SCRIPT}", f"/schema/{SCRIPT}", f"/assets/{SCRIPT}"])
async def test_script_in_a_path_is_not_a_page(api: Client, path: str) -> None:
    response = await api.get(path, headers={"accept": "text/html"})

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert SCRIPT not in response.text


@pytest.mark.parametrize("avatar", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "//evil.example/x"])
async def test_avatar_that_runs_code_is_refused(api: Client, avatar: str) -> None:
    response = await api.post("/users", json={"email": "ada@example.org", "profile": {"avatar": avatar}})

    assert response.status_code == 422
