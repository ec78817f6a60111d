"""Sources through the API: state, pause, resume, release."""

from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client


def as_admin(keys: dict[Scope, str]) -> dict[str, str]:
    return {"authorization": f"Bearer {keys[Scope.ADMIN]}"}


async def test_sources_are_listed_with_their_state(api: Client) -> None:
    response = await api.get("/etl/sources")

    [crm] = response.json()
    assert (crm["name"], crm["kind"], crm["schedule"]) == ("crm", "file", "hourly")
    assert crm["next_slot"] is not None
    assert (crm["last_success_at"], crm["pause"], crm["open_quarantine"]) == (None, None, 0)


async def test_pause_has_a_reason_and_is_recorded(api: Client, keys: dict[Scope, str], database: Database) -> None:
    paused = await api.post("/etl/sources/crm/pause", json={"reason": "move"}, headers=as_admin(keys))
    resumed = await api.post("/etl/sources/crm/resume", headers=as_admin(keys))

    assert paused.status_code == 200
    assert paused.json()["pause"]["reason"] == "move"
    assert paused.json()["next_slot"] is None
    assert resumed.json()["pause"] is None
    actions = [entry["action"] async for entry in database.audit_log.find({}, sort=[("at", 1)])]
    assert [action for action in actions if action.startswith("etl.")] == ["etl.pause", "etl.resume"]


async def test_only_admins_pause(api: Client) -> None:
    assert (await api.post("/etl/sources/crm/pause", json={})).status_code == 403


async def test_unknown_source_is_not_found(api: Client, keys: dict[Scope, str]) -> None:
    answers = [
        await api.get("/etl/sources/shop"),
        await api.post("/etl/sources/shop/resume", headers=as_admin(keys)),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "configured: crm" in answers[0].json()["detail"]


async def test_release_of_nothing_is_a_conflict(api: Client, keys: dict[Scope, str]) -> None:
    response = await api.post("/etl/sources/crm/release", headers=as_admin(keys))

    assert response.status_code == 409
    assert "docustore etl run crm" in response.json()["detail"]
