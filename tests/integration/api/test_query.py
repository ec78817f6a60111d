"""The route of questions about users."""

from litestar import Litestar

from docustore.config import Settings
from docustore.security.models import Scope
from tests.integration.api.conftest import Client, create

QUESTION = {"metrics": ["users"], "dimensions": ["role"], "time": {"bucket": "year"}}


async def test_reader_gets_columns_and_rows(api: Client, keys: dict[Scope, str]) -> None:
    await create(api, roles=["admin", "editor"])
    await create(api, email="bob@example.org", roles=["admin"])
    reader = {"authorization": f"Bearer {keys[Scope.READ]}"}

    found = (await api.post("/analytics/query", json=QUESTION, headers=reader)).json()

    assert [column["name"] for column in found["columns"]] == ["bucket", "role", "users"]
    assert [row[1:] for row in found["rows"]] == [["admin", 2], ["editor", 1]]
    assert (found["source"], found["is_exact"], found["is_truncated"]) == ("pipeline", True, False)
    assert found["metrics"]["users"] == {
        "meaning": "users that are not deleted",
        "additivity": "additive",
        "not_over": ["role"],
    }


async def test_refused_question_says_estimate_and_next_step(
    api: Client, application: Litestar, api_settings: Settings
) -> None:
    application.state.settings = api_settings.model_copy(update={"query_max_documents": 1})
    for number in range(3):
        await create(api, email=f"u{number}@example.org")

    response = await api.post("/analytics/query", json=QUESTION)

    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "/problems/query-too-expensive")
    assert "about 3 documents, more than DOCUSTORE_QUERY_MAX_DOCUMENTS (1)" in problem["detail"]


async def test_explanation_shows_the_pipeline_and_runs_nothing(api: Client) -> None:
    await create(api)

    found = (await api.post("/analytics/query", json={**QUESTION, "explain": True})).json()

    explanation = found["explanation"]
    assert (found["rows"], explanation["source"], explanation["refused"]) == ([], "pipeline", None)
    assert explanation["estimate"]["documents"] == 1
    assert [name for stage in explanation["pipeline"] for name in stage] == [
        "$match", "$project", "$set", "$unwind", "$group", "$project", "$sort", "$limit",
    ]  # fmt: skip
