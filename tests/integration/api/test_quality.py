"""The routes of data quality."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.quality.stored import USER_QUALITY
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
    seq = await wait_until_applied(database)
    wanted = {"_id": USER_QUALITY, "state": "live", "seq": {"$gte": seq}}
    await until(lambda: database[EFFECT_STATES].find_one(wanted))
    yield api
    stop.set()
    await listener


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


async def test_unknown_rule(judged: Client) -> None:
    answer = await judged.get("/quality/rules/nonsense/users")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_full_check_finds_a_wrong_counter(judged: Client, database: Database) -> None:
    right = await judged.post("/quality/run")
    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {"users": 1}})
    wrong = await judged.post("/quality/run")

    assert right.json() == {"differences": []}
    assert wrong.json() == {"differences": ["quality counts 6 for totals: users, the verdicts say 5"]}


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
