"""The routes of alerts and their messages."""

from datetime import timedelta

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.alert_outbox import deliver_messages, enqueue_message
from docustore.etl.incidents import IncidentKind, close_incident, open_incident, open_incidents
from docustore.quality_watch.groups import Problem, open_group
from docustore.security.models import Scope
from tests.integration.api.conftest import Client

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9/secret-path"


async def test_open_and_ended_alerts_are_listed(api: Client, database: Database) -> None:
    """Each one names its area, subject and owner; one that ended long ago is left out."""
    now = now_utc()
    failed = Problem(subject="email_valid", sentence="3 violate it", owner="crm team", facts={"violated": 3})
    await open_incident(database, IncidentKind.OVERDUE, "crm", at=now, is_told=False, overdue_at=now)
    await open_group(database, IncidentKind.RULE_FAILED, [failed], at=now, is_told=False)
    for name, ended in (("lately", now), ("long ago", now - timedelta(days=40))):
        await open_incident(database, IncidentKind.RUN_FAILED, name, at=ended, is_told=False, error="refused")
    for incident in await open_incidents(database, [IncidentKind.RUN_FAILED]):
        await close_incident(database, incident, at=incident["opened_at"], is_told=False)

    found = (await api.get("/alerts")).json()

    listed = [(each["area"], each["kind"], each["subject"], each["owner"]) for each in found["open"]]
    assert sorted(listed) == [
        ("etl", "overdue", "crm", None),
        ("quality", "rule_failed", "email_valid", "crm team"),
    ]
    assert [each["facts"] for each in found["open"] if each["owner"]] == [{"violated": 3}]
    step = "follow the error, then run `docustore etl run lately`"
    lately = {"error": "refused", "next_step": step}
    assert [(each["subject"], each["facts"]) for each in found["closed"]] == [("lately", lately)]


async def test_message_shows_who_refused_it_and_is_retried(
    api: Client, database: Database, keys: dict[Scope, str]
) -> None:
    """The path of an address is a secret; only an administrator may retry."""
    now = now_utc()
    await enqueue_message(database, "m1", event="etl.overdue", at=now, facts={"source": "crm"})
    await deliver_messages(database, [NOWHERE], now=now)

    [shown] = (await api.get("/alerts/messages?state=pending")).json()
    delivered = (await api.get("/alerts/messages?state=delivered")).json()
    refused = await api.post("/alerts/messages/retry")
    api.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    retried = (await api.post("/alerts/messages/retry")).json()

    assert (shown["event"], shown["attempts"], shown["facts"]) == ("etl.overdue", 1, {"source": "crm"})
    assert [(each["place"], each["at"]) for each in shown["deliveries"]] == [("http://127.0.0.1", None)]
    assert shown["deliveries"][0]["error"]
    assert (delivered, refused.status_code, retried) == ([], 403, {"messages": 1})
    assert (await database["audit_log"].find_one({"action": "alerts.retry"}) or {})["after"] == {"messages": 1}
