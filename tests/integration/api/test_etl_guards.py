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

    refused = await api.post(f"/etl/runs/{run_id}/approve")
    answer = await api.post(f"/etl/runs/{run_id}/approve", headers=admin)

    approved, held = answer.json(), (await api.get(f"/etl/runs/{run_id}")).json()
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
