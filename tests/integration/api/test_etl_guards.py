"""Routes of held runs."""

from datetime import UTC, datetime

from docustore.database import Database
from docustore.etl.guards.hold import Hold, HoldCode
from docustore.etl.models import EtlRun, RunState, RunTrigger
from docustore.security.models import Scope
from tests.integration.api.conftest import Client


async def held_run(database: Database) -> str:
    run = EtlRun(
        source="crm", trigger=RunTrigger.SCHEDULE, state=RunState.FAILED, created_at=datetime.now(UTC),
        finished_at=datetime.now(UTC), needs_approval=True,
        hold=Hold(codes=[HoldCode.MASS_LOSS], total={"deactivated": 900}, limits={"deactivated": 200}),
    )  # fmt: skip
    await run.insert()
    held = {"run_id": str(run.id), "at": run.created_at, "stored": {}}
    await database["etl_sources"].insert_one({"_id": "crm", "paused": False, "held": held})
    return str(run.id)


async def test_held_run_is_approved(api: Client, database: Database, keys: dict[Scope, str]) -> None:
    run_id = await held_run(database)
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}

    listed = await api.get("/etl/sources/crm")
    refused = await api.post(f"/etl/runs/{run_id}/approve")
    answer = await api.post(f"/etl/runs/{run_id}/approve", headers=admin)

    approved, held = answer.json(), (await api.get(f"/etl/runs/{run_id}")).json()
    assert listed.json()["held_run"] == run_id
    assert (refused.status_code, answer.status_code) == (403, 202)
    assert answer.headers["location"] == f"/etl/runs/{approved['id']}"
    assert (approved["state"], approved["approval"]["run_id"]) == ("due", run_id)
    assert (held["needs_approval"], held["approved_run_id"]) == (False, approved["id"])
    [audited] = await database["audit_log"].find().to_list()
    assert audited["actor"].startswith("api:")


async def test_run_that_does_not_wait_is_409(api: Client, keys: dict[Scope, str]) -> None:
    run = EtlRun(source="crm", trigger=RunTrigger.SCHEDULE, state=RunState.DUE, created_at=datetime.now(UTC))
    await run.insert()
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}

    answer = await api.post(f"/etl/runs/{run.id}/approve", headers=admin)

    assert (answer.status_code, "waits for nothing" in answer.json()["detail"]) == (409, True)


async def test_watermark_is_shown_and_set(api: Client, database: Database, keys: dict[Scope, str]) -> None:
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}
    path, body = "/etl/sources/crm/watermark", {"watermark": "2026-01-01T00:00:00Z"}

    empty = await api.get(path)
    refused = await api.put(path, json=body)
    answer = await api.put(path, json=body, headers=admin)
    future = await api.put(path, json={"watermark": "2096-01-01T00:00:00Z"}, headers=admin)

    assert empty.json() == {"source": "crm", "watermark": None}
    assert (refused.status_code, answer.status_code, future.status_code) == (403, 200, 422)
    assert (await api.get(path)).json() == {"source": "crm", "watermark": "2026-01-01T00:00:00Z"}
    assert (await api.get("/etl/sources/hr/watermark")).status_code == 404
    assert await database["audit_log"].count_documents({"action": "etl.set_watermark"}) == 1


async def test_backfill_is_a_run_of_its_own_lane(api: Client, keys: dict[Scope, str]) -> None:
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}
    body = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}

    answer = await api.post("/etl/sources/crm/backfill", json=body, headers=admin)
    empty = await api.post("/etl/sources/crm/backfill", json={**body, "until": body["since"]}, headers=admin)

    run = answer.json()
    assert (answer.status_code, empty.status_code) == (202, 422)
    assert (run["lane"], run["options"]["since"], run["state"]) == ("backfill", body["since"], "due")
    assert (await api.get(f"/etl/runs/{run['id']}/diff")).status_code == 404
