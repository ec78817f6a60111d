"""The routes of data quality."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.quality.declared import rule_set
from docustore.quality.stored import USER_QUALITY
from docustore.quality.trend import keep_hour
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.waiting import until


@pytest.fixture
async def judged(database: Database, api_settings: Settings, api: Client) -> AsyncIterator[Client]:
    """An API with five users, of which three have no last name."""
    for number in range(5):
        body = {"email": f"u{number}@example.org", "first_name": "A", "last_name": "" if number < 3 else "B"}
        assert (await api.post("/users", json=body)).status_code == 201
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, api_settings, stop=stop, derived=(UserQualityEffect,)))
    await until_judged(database)
    yield api
    stop.set()
    await listener


async def until_judged(database: Database) -> None:
    seq = await wait_until_applied(database)
    wanted = {"_id": USER_QUALITY, "state": "live", "seq": {"$gte": seq}}
    await until(lambda: database[EFFECT_STATES].find_one(wanted))


async def test_report(judged: Client) -> None:
    report = (await judged.get("/quality/report")).json()

    rules = {rule["name"]: rule for rule in report["rules"]}
    last_name = rules["last_name_present"]
    assert (report["state"], report["users"]) == ("live", 5)
    assert (last_name["status"], last_name["violated"], last_name["violated_pct"]) == ("failed", 3, 60.0)
    assert rules["first_name_present"]["status"] == "passed"
    assert report["dimensions"]["validity"] == 100.0
    assert 0 < report["score"] < 100


async def test_users_of_a_rule_in_pages(judged: Client) -> None:
    first = (await judged.get("/quality/rules/last_name_present/users", params={"limit": "2"})).json()
    cursor = first["next_cursor"]
    second = (
        await judged.get("/quality/rules/last_name_present/users", params={"limit": "2", "cursor": cursor})
    ).json()
    other = await judged.get("/quality/rules/email_valid/users", params={"cursor": cursor})

    emails = [user["email"] for user in (*first["items"], *second["items"])]
    assert (sorted(emails), second["next_cursor"]) == (
        ["u0@example.org", "u1@example.org", "u2@example.org"],
        None,
    )
    assert "password_hash" not in first["items"][0]
    assert (other.status_code, other.json()["errors"][0]["code"]) == (400, "cursor_invalid")


async def test_pages_hold_users_of_other_clients(judged: Client, database: Database) -> None:
    """MongoDB compares ids of one type only: a page that ends with a text must not end the list."""
    texts = ["a-1", "a-2", "a-3"]
    users: list[dict[str, Any]] = [{"_id": each, "email": f"{each}@example.org"} for each in texts]
    await database["users"].insert_many(users, bypass_document_validation=True)
    await until_judged(database)
    path, found = "/quality/rules/last_name_present/users", []
    cursor: str | None = ""
    while cursor is not None:
        page = (await judged.get(path, params={"limit": "2", **({"cursor": cursor} if cursor else {})})).json()
        found += [user["email"] for user in page["items"]]
        cursor = page["next_cursor"]

    own = [f"{each}@example.org" for each in texts]
    assert found == [*own, "u0@example.org", "u1@example.org", "u2@example.org"]


async def test_users_with_ids_of_any_type_are_listed(judged: Client, database: Database) -> None:
    """Another client may use a document as an id, which no mapping of Python holds."""
    user = {"_id": {"a": 1}, "email": "document@example.org"}
    await database["users"].insert_one(user, bypass_document_validation=True)
    await until_judged(database)

    page = (await judged.get("/quality/rules/last_name_present/users")).json()

    assert "document@example.org" in [user["email"] for user in page["items"]]


async def test_trend(judged: Client, database: Database) -> None:
    await keep_hour(database, rule_set({}))

    rule = (await judged.get("/quality/trend", params={"rule": "last_name_present"})).json()
    days = (await judged.get("/quality/trend", params={"bucket": "day", "dimension": "validity"})).json()

    assert rule["subject"] == {"kind": "rule", "name": "last_name_present"}
    figures = {"violated": 3, "applicable": 5, "not_evaluated": 0, "score": 40.0, "lowest": 40.0, "hours": 1}
    # A new hour may begin after the figures are stored.
    assert any(figures.items() <= point.items() for point in rule["points"][-2:])
    assert {point["score"] for point in rule["points"][:-2]} == {None}
    assert 100.0 in {point["score"] for point in days["points"]}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"rule": "nonsense"}, "unknown"),
        ({"rule": "email_valid", "dimension": "validity"}, "not_together"),
        ({"bucket": "week"}, "not_allowed"),
        ({"from": "2027-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "range_empty"),
        ({"from": "2020-01-01T00:00:00Z"}, "range_too_long"),
    ],
)
async def test_trend_refuses(api: Client, query: dict[str, str], code: str) -> None:
    answer = await api.get("/quality/trend", params=query)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_trend_takes_extreme_times(api: Client, until: str) -> None:
    answer = await api.get("/quality/trend", params={"to": until})

    assert answer.status_code in {200, 400}


async def test_unknown_rule(judged: Client) -> None:
    answer = await judged.get("/quality/rules/nonsense/users")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_full_check_finds_a_wrong_counter(judged: Client, database: Database) -> None:
    """The report shows the result of the latest check, also of one that found nothing."""
    right = (await judged.post("/quality/run")).json()
    after_right = (await judged.get("/quality/report")).json()["last_check"]
    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {"users": 1}})
    wrong = (await judged.post("/quality/run")).json()
    after_wrong = (await judged.get("/quality/report")).json()["last_check"]

    found = ["quality counts 6 for totals: users, the verdicts say 5"]
    assert (right["differences"], right["problem"], wrong["differences"]) == ([], None, found)
    assert (right["next_step"], "user_quality/rebuild" in wrong["next_step"]) == (None, True)
    assert (after_right["differences"], after_right["trigger"]) == ([], "api")
    assert (after_wrong["differences"], after_wrong["at"]) == (found, wrong["at"])


async def test_check_that_is_not_possible_is_no_result(api: Client, database: Database) -> None:
    """Without a listener nothing is compared; an empty list would look like no difference."""
    answer = (await api.post("/quality/run")).json()

    assert (answer["differences"], "no listener" in answer["problem"]) == (None, True)
    assert await database["quality_checks"].count_documents({}) == 0


async def test_waived_rule_never_passes_and_expires(
    judged: Client, database: Database, keys: dict[Scope, str]
) -> None:
    judged.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    path = "/quality/rules/last_name_present/waiver"
    body = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat(), "reason": "fixed in January"}

    waived = await judged.put(path, json=body)
    shown = await _rule(judged, "last_name_present")
    await database["quality_waivers"].update_one({}, {"$set": {"until": datetime.now(UTC)}})
    expired = await _rule(judged, "last_name_present")
    passing = "/quality/rules/first_name_present/waiver"
    await judged.put(passing, json=body)
    waived_pass = await _rule(judged, "first_name_present")
    removed = await judged.delete(passing)
    again = await judged.delete(passing)

    assert (waived.status_code, waived.json()["reason"]) == (200, "fixed in January")
    assert (shown["status"], shown["waiver"]["status"], shown["waiver"]["reason"]) == (
        "waived",
        "failed",
        "fixed in January",
    )
    assert (expired["status"], expired["waiver"]) == ("failed", None)
    assert (waived_pass["status"], waived_pass["waiver"]["status"]) == ("waived", "passed")
    assert (removed.status_code, again.status_code) == (204, 404)
    audited = database["audit_log"].find({"action": {"$regex": "^quality"}})
    actions = sorted([entry["action"] async for entry in audited])
    assert actions == ["quality.unwaive", "quality.waive", "quality.waive"]


async def _rule(api: Client, name: str) -> dict[str, Any]:
    rules = (await api.get("/quality/report")).json()["rules"]
    return next(rule for rule in rules if rule["name"] == name)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"until": "2020-01-01T00:00:00Z", "reason": "late"}, "past"),
        ({"until": "2999-01-01T00:00:00Z", "reason": "for ever"}, "too_far"),
        ({"until": "2020-01-01T00:00:00Z", "reason": ""}, "too_short"),
        ({"reason": "no end"}, "missing"),
    ],
)
async def test_waiver_is_refused(api: Client, keys: dict[Scope, str], body: dict[str, str], code: str) -> None:
    api.headers["authorization"] = f"Bearer {keys[Scope.ADMIN]}"
    answer = await api.put("/quality/rules/email_valid/waiver", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_results_of_one_user(judged: Client) -> None:
    """Each rule has a result; a user that is deleted or unknown has none."""
    users = (await judged.get("/users")).json()["items"]
    nameless = next(user["id"] for user in users if not user["last_name"])
    named = next(user["id"] for user in users if user["last_name"])

    found = (await judged.get(f"/users/{nameless}/quality")).json()
    other = (await judged.get(f"/users/{named}/quality")).json()
    unknown = await judged.get("/users/nobody/quality")

    results = {rule["rule"]: rule["result"] for rule in found["rules"]}
    assert (results["last_name_present"], results["first_name_present"]) == ("violated", "passed")
    assert results["avatar_is_web_address"] == "not_applicable"
    assert found["violated"] == other["violated"] + 1
    assert {rule["rule"]: rule["result"] for rule in other["rules"]}["last_name_present"] == "passed"
    assert "unknown" not in results.values()
    assert unknown.status_code == 404
