"""The routes of the listener: shape, rights and audit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client

SHAPE = {
    "state", "owner", "applied", "snapshot_rows", "lag_s", "is_caught_up", "heartbeat_at", "gaps",
    "unaccepted_gaps", "dead_letters", "approximate_rows", "oplog_headroom_s", "last_error",
    "warnings", "partitions",
}  # fmt: skip
LETTER = {
    "_id": "82AB", "key": b"", "user_id": "u1", "operation": "update", "state": "failed", "error": "WriteError",
    "code": 121, "reason": "Document failed validation", "attempts": 1,
}  # fmt: skip


@pytest.fixture
async def admin(anonymous: Client, keys: dict[Scope, str]) -> Client:
    anonymous.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    return anonymous


async def test_status_has_its_shape(api: Client) -> None:
    assert (await api.get("/changes/status")).json().keys() == SHAPE


@pytest.mark.parametrize(
    ("path", "body", "action"),
    [
        ("/changes/pause", None, "changes.pause"),
        ("/changes/resume", None, "changes.resume"),
        ("/changes/reset", {"to": "now"}, "changes.reset"),
        ("/changes/verify", {}, "changes.verify"),
    ],
)
async def test_control_needs_admin_and_is_audited(
    admin: Client, database: Database, keys: dict[Scope, str], path: str, body: Any, action: str
) -> None:
    refused = await admin.post(path, json=body, headers={"authorization": f"Bearer {keys[Scope.WRITE]}"})
    response = await admin.post(path, json=body)

    assert (refused.status_code, response.status_code) == (403, 200), response.text
    (entry,) = await database["audit_log"].find({"action": action}).to_list()
    assert entry["actor"].startswith("api:")


async def test_pause_is_shown(admin: Client) -> None:
    assert (await admin.post("/changes/pause")).json()["state"] == "paused"


@pytest.mark.parametrize("body", [{"to": "yesterday"}, {}, {"to": "now", "more": 1}])
async def test_invalid_reset_is_422(admin: Client, body: Any) -> None:
    assert (await admin.post("/changes/reset", json=body)).status_code == 422


async def test_seek_to_the_future_names_the_field(admin: Client) -> None:
    response = await admin.post("/changes/seek", json={"to": "2999-01-01T00:00:00Z"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/to"


async def test_letters_are_listed_and_skipped(admin: Client, database: Database) -> None:
    await database["change_dead_letters"].insert_one(dict(LETTER))

    (letter,) = (await admin.get("/changes/dead-letters")).json()
    replayed = await admin.post("/changes/dead-letters/82AB/replay")
    skipped = await admin.post("/changes/dead-letters/82AB/skip")

    assert (letter["id"], letter["state"], letter["code"]) == ("82AB", "failed", 121)
    assert (replayed.status_code, replayed.json()["state"]) == (202, "requested")
    assert (skipped.status_code, skipped.json()["state"]) == (200, "skipped")
    assert (await admin.get("/changes/dead-letters")).json() == []
    assert len((await admin.get("/changes/dead-letters?include_closed=true")).json()) == 1


async def test_unknown_letter_is_404(admin: Client, api_settings: Settings) -> None:
    assert (await admin.get("/changes/dead-letters/none")).status_code == 404
    assert (await admin.post("/changes/dead-letters/none/skip")).status_code == 404


async def test_effects_are_listed(api: Client) -> None:
    effects = {effect["name"]: effect for effect in (await api.get("/changes/effects")).json()}

    assert (effects["user_stats"]["kind"], effects["user_stats"]["state"]) == ("immediate", "building")


async def test_rebuild_needs_admin_and_is_audited(
    admin: Client, database: Database, keys: dict[Scope, str]
) -> None:
    path = "/changes/effects/user_stats/rebuild"

    refused = await admin.post(path, headers={"authorization": f"Bearer {keys[Scope.WRITE]}"})
    response = await admin.post(path)

    assert (refused.status_code, response.status_code) == (403, 202), response.text
    assert response.json()["state"] == "building"
    (entry,) = await database["audit_log"].find({"action": "effects.rebuild"}).to_list()
    assert entry["actor"].startswith("api:")


@pytest.mark.parametrize(("name", "status"), [("none", 404), ("user_history", 422)])
async def test_only_a_derived_collection_is_rebuilt(admin: Client, name: str, status: int) -> None:
    assert (await admin.post(f"/changes/effects/{name}/rebuild")).status_code == status


async def test_gap_is_listed_with_its_time(admin: Client) -> None:
    """Readers of figures may see gaps: they say which history is a comparison."""
    assert (await admin.get("/changes/gaps")).json() == []
    await admin.post("/changes/reset", json={"to": "now"})

    [gap] = (await admin.get("/changes/gaps")).json()

    assert (gap["reason"], gap["policy"], gap["closed_at"]) == ("reset", "now", None)
    assert gap["detected_at"].endswith("Z")


async def test_closed_gap_is_accepted_once(admin: Client, keys: dict[Scope, str], database: Database) -> None:
    """The gap stays on record with the first person who accepted it."""
    await database["change_gaps"].insert_many(
        [
            {"_id": "users:1", "reason": "reset", "policy": "now", "closed_at": datetime(2026, 1, 1, tzinfo=UTC)},
            {"_id": "users:2", "reason": "reset", "policy": "now", "closed_at": None},
        ]
    )

    writer = {"authorization": f"Bearer {keys[Scope.WRITE]}"}
    refused = await admin.post("/changes/gaps/users:1/accept", headers=writer)
    first = await admin.post("/changes/gaps/users:1/accept")
    again = await admin.post("/changes/gaps/users:1/accept")
    is_open = await admin.post("/changes/gaps/users:2/accept")
    status = (await admin.get("/changes/status")).json()

    assert (refused.status_code, first.status_code, is_open.status_code) == (403, 200, 404)
    assert first.json() == again.json()
    assert first.json()["accepted_by"].startswith("api:")
    assert (status["gaps"], status["unaccepted_gaps"]) == (2, 1)
    assert await database["audit_log"].count_documents({"action": "gaps.accept"}) == 1
