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
from docustore.quality.declared import rule_set
from docustore.quality.stored import USER_QUALITY
from docustore.quality.trend import keep_hour
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
    right = await judged.post("/quality/run")
    await database["quality_counts"].update_one({"_id": "totals"}, {"$inc": {"users": 1}})
    wrong = await judged.post("/quality/run")

    assert right.json() == {"differences": []}
    assert wrong.json() == {"differences": ["quality counts 6 for totals: users, the verdicts say 5"]}
