"""Webhooks through the API: secrets are shown once, every action is recorded."""

from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.integration.api.test_sources import as_admin
from tests.receiving import receiver

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_private_networks": ("127.0.0.0/8",)})


@pytest.fixture
async def admin(api: Client, keys: dict[Scope, str]) -> Client:
    api.headers.update(as_admin(keys))
    return api


async def _created(admin: Client, url: str = URL, **fields: Any) -> dict[str, Any]:
    response = await admin.post("/webhooks", json={"url": url, **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def test_secret_is_shown_once(admin: Client) -> None:
    created = await _created(
        admin, description="crm", operations=["insert"], fields=["email"], statuses=["active"]
    )
    path = f"/webhooks/{created['webhook']['id']}"

    read, listed = await admin.get(path), await admin.get("/webhooks")

    assert created["secret"].startswith("whsec_")
    assert read.json() == created["webhook"]
    assert listed.json() == [created["webhook"]]
    assert created["secret"] not in read.text + listed.text
    assert (read.json()["operations"], read.json()["is_enabled"], read.json()["pending"]) == (["insert"], True, 0)


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/x/deliveries"])
async def test_only_admins_see_webhooks(api: Client, path: str) -> None:
    assert (await api.get(path)).status_code == 403


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "ftp://example.org"}, "/url"),
        ({"url": "https://10.0.0.1/hook"}, "/url"),
        ({"url": "https://user:secret@example.org/"}, "/url"),
        ({"fields": ["emial"]}, "/fields"),
        ({"operations": ["upsert"]}, "/operations/0"),
        ({"since": -1}, "/since"),
    ],
)
async def test_invalid_webhook_is_refused(admin: Client, fields: dict[str, Any], pointer: str) -> None:
    response = await admin.post("/webhooks", json={"url": URL, **fields})

    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_life_of_a_webhook(admin: Client, database: Database) -> None:
    created = await _created(admin)
    path = f"/webhooks/{created['webhook']['id']}"

    answers = [
        await admin.put(path, json={"url": f"{URL}/2", "operations": ["delete"]}),
        await admin.post(f"{path}/disable"),
        await admin.post(f"{path}/enable", json={"replay_missed": True}),
        await admin.post(f"{path}/rotate-secret", json={"overlap_h": 2}),
        await admin.post(f"{path}/replay", json={"since": 0}),
        await admin.get(f"{path}/deliveries"),
        await admin.delete(path),
        await admin.get(path),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 202, 200, 204, 404]
    replaced, disabled, enabled, rotated, *_ = (answer.json() for answer in answers[:6])
    assert (replaced["url"], replaced["operations"]) == (f"{URL}/2", ["delete"])
    assert (disabled["disabled"]["reason"], enabled["disabled"]) == ("operator", None)
    assert rotated["secret"] not in {created["secret"], None}
    actions = [entry["action"] async for entry in database["audit_log"].find(sort=[("at", 1), ("_id", 1)])]
    assert actions == [
        "webhook.create",
        "webhook.update",
        "destination.disable",
        "destination.enable",
        "webhook.rotate",
        "destination.replay",
        "webhook.delete",
    ]
    assert "whsec" not in str(await database["audit_log"].find().to_list())


async def test_test_message_reports_the_answer(admin: Client) -> None:
    async with receiver() as service:
        created = await _created(admin, service.url)
        taken = await admin.post(f"/webhooks/{created['webhook']['id']}/test")
    down = await admin.post(f"/webhooks/{created['webhook']['id']}/test")

    assert (taken.json()["status"], taken.json()["error"]) == (204, None)
    assert (down.json()["status"], down.json()["error"]) == (None, "no connection")


async def test_deliveries_are_pages_latest_first(admin: Client, database: Database) -> None:
    created = await _created(admin)
    webhook_id = created["webhook"]["id"]
    name = f"webhook:{webhook_id}"
    at = (await database.command("hello"))["localTime"]
    row = {"destination": name, "kind": "update", "user_id": 1, "at": at, "due_at": at, "queued_at": at}
    await database["outbox"].insert_many(
        [
            {
                **row,
                "_id": f"{name}:{n:015d}",
                "number": n,
                "attempts": n % 2,
                "state": ("pending", "failed")[n % 2],
            }
            for n in (1, 2, 9, 10, 11, 200)
        ]
    )
    path = f"/webhooks/{webhook_id}/deliveries"

    first = (await admin.get(path, params={"limit": 4})).json()
    second = (await admin.get(path, params={"limit": 4, "cursor": first["next_cursor"]})).json()
    failed = (await admin.get(path, params={"state": "failed"})).json()
    other = await admin.get(path, params={"state": "failed", "cursor": first["next_cursor"]})
    again = await admin.post(f"{path}/11/replay")
    missing = await admin.post(f"{path}/12/replay")

    assert [item["number"] for item in first["items"]] == [200, 11, 10, 9]
    assert [item["number"] for item in second["items"]] == [2, 1]
    assert second["next_cursor"] is None
    assert [item["number"] for item in failed["items"]] == [11, 9, 1]
    assert (other.status_code, again.status_code, missing.status_code) == (400, 202, 404)
    replayed = await database["outbox"].find_one({"number": 11})
    assert replayed is not None
    assert (replayed["state"], replayed["attempts"]) == ("pending", 0)


async def test_metrics_show_each_destination(admin: Client) -> None:
    created = await _created(admin)

    exposition = (await admin.get("/metrics")).text

    label = f'{{destination="webhook:{created["webhook"]["id"]}"}}'
    for name, value in (("pending", "0.0"), ("enabled", "1.0"), ("delivered", "0.0"), ("failed", "0.0")):
        assert f"docustore_outbox_{name}{label} {value}" in exposition
