"""Routes that cancel a run, and reject a held one."""

from datetime import UTC, datetime

from docustore.database import Database
from docustore.etl.models import EtlRun, RunState, RunTrigger
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.integration.api.test_etl_guards import held_run


async def test_run_is_cancelled_once(api: Client, database: Database) -> None:
    run = EtlRun(source="crm", trigger=RunTrigger.API, state=RunState.DUE, created_at=datetime.now(UTC))
    await run.insert()

    answer = await api.post(f"/etl/runs/{run.id}/cancel")
    again = await api.post(f"/etl/runs/{run.id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/run")
    [audited] = await database["audit_log"].find().to_list()
    assert (audited["action"], audited["before"], audited["after"]) == (
        "etl.cancel_run",
        {"state": "due"},
        {"state": "cancelled"},
    )


async def test_rejected_run_waits_no_longer(api: Client, database: Database, keys: dict[Scope, str]) -> None:
    """It cannot be approved any more, and its source has no held run."""
    run_id = await held_run(database)
    admin = {"authorization": f"Bearer {keys[Scope.ADMIN]}"}
    body = {"reason": "the file was cut"}

    refused = await api.post(f"/etl/runs/{run_id}/reject", json=body)
    unfounded = await api.post(f"/etl/runs/{run_id}/reject", json={}, headers=admin)
    answer = await api.post(f"/etl/runs/{run_id}/reject", json=body, headers=admin)
    approved = await api.post(f"/etl/runs/{run_id}/approve", headers=admin)
    again = await api.post(f"/etl/runs/{run_id}/reject", json=body, headers=admin)

    run = answer.json()
    assert (refused.status_code, unfounded.status_code, answer.status_code) == (403, 422, 200)
    assert (run["needs_approval"], run["rejection"]["reason"]) == (False, "the file was cut")
    assert (approved.status_code, "the file was cut" in approved.json()["detail"]) == (409, True)
    assert again.status_code == 409
    assert (await api.get("/etl/sources/crm")).json()["held_run"] is None
    # What it has stored counts for the next run.
    source = await database["etl_sources"].find_one({"_id": "crm"})
    assert source is not None
    assert source["held"]["run_id"] == run_id
    [audited] = await database["audit_log"].find().to_list()
    assert audited["action"] == "etl.reject_run"
