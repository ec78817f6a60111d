"""The path in `type` of a problem explains the problem."""

from tests.integration.api.conftest import Client


async def test_type_of_an_error_can_be_read(anonymous: Client) -> None:
    for path in ("/users", "/nope", "/health/live?x=1"):
        problem = (await anonymous.get(path)).json()

        explained = await anonymous.get(problem["type"])

        assert explained.status_code == 200, path
        assert {name: explained.json()[name] for name in ("type", "title", "status")} == {
            name: problem[name] for name in ("type", "title", "status")
        }
        assert explained.json()["next_step"]


async def test_types_are_listed(anonymous: Client) -> None:
    listed = (await anonymous.get("/problems")).json()

    assert "/problems/email-taken" in [problem["type"] for problem in listed]


async def test_unknown_type_is_404(anonymous: Client) -> None:
    response = await anonymous.get("/problems/nothing")

    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
