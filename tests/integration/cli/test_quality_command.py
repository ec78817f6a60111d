"""`docustore quality`."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

from docustore.config import Settings
from docustore.database import Database
from docustore.quality.declared import rule_set
from docustore.quality.trend import keep_hour
from tests.integration.changes.test_quality import keeping, until_current, user
from tests.integration.cli.docustore_command import addresses, run_docustore


async def test_report_explanation_and_gate(settings: Settings, database: Database) -> None:
    variables = addresses(settings)
    await database["users"].insert_many([user(number, last_name="") for number in range(3)])
    async with keeping(database, settings):
        await until_current(database, settings)

    report = await run_docustore("quality", "report", **variables)
    gate = await run_docustore("quality", "report", "--gate", "--json", **variables)
    explained = await run_docustore("quality", "explain", "last_name_present", "--json", **variables)
    unknown = await run_docustore("quality", "explain", "nonsense", "--json", **variables)
    checked = await run_docustore("quality", "run", "--json", **variables)
    gap = await run_docustore("quality", "trend", **variables)
    await keep_hour(database, rule_set({}))
    trend = await run_docustore("quality", "trend", "--bucket", "day", "--rule", "last_name_present", **variables)

    assert "last_name_present" in report.stdout
    assert (report.exit_code, gate.exit_code) == (0, 1)
    assert (explained.document["violated"], len(explained.document["first_users"])) == (3, 3)
    assert (unknown.exit_code, unknown.document["error"]["type"]) == (1, "NotFoundError")
    assert "No figures of overall are stored" in gap.stdout
    assert "last_name_present: 0.00 -> 0.00" in trend.stdout
    assert (checked.exit_code, checked.document["differences"], checked.document["trigger"]) == (0, [], "cli")


async def test_gate_waits_for_every_change(settings: Settings, database: Database) -> None:
    """Figures that lack changes must not pass: a stopped listener would pass for ever."""
    variables = addresses(settings)
    await database["users"].insert_one(user(0))
    async with keeping(database, settings):
        await until_current(database, settings)
    passed = await run_docustore("quality", "report", "--gate", "--json", **variables)
    await database["users"].insert_many([user(number, last_name="") for number in range(1, 4)])

    stopped = await run_docustore("quality", "report", "--gate", "--wait-s", "1", "--json", **variables)
    async with keeping(database, settings):
        failed = await run_docustore("quality", "report", "--gate", "--json", **variables)

    assert (passed.exit_code, passed.document["problem"]) == (0, None)
    assert (stopped.exit_code, stopped.document["users"]) == (1, 1)
    assert "docustore changes status" in stopped.document["problem"]
    assert (failed.exit_code, failed.document["users"], failed.document["problem"]) == (1, 4, None)


async def test_waived_rule_does_not_block_the_gate(settings: Settings, database: Database) -> None:
    variables = addresses(settings)
    await database["users"].insert_many([user(number, last_name="") for number in range(3)])
    async with keeping(database, settings):
        await until_current(database, settings)
    rule = ("last_name_present", "--until", "2999-01-01")

    refused = await run_docustore("quality", "waive", *rule, "--reason", "wait", "--json", **variables)
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    await run_docustore(
        "quality", "waive", rule[0], "--until", tomorrow, "--reason", "moving", "--json", **variables
    )
    gate = await run_docustore("quality", "report", "--gate", **variables)
    await run_docustore("quality", "unwaive", rule[0], **variables)
    blocked = await run_docustore("quality", "report", "--gate", "--json", **variables)

    assert (refused.exit_code, refused.document["error"]["type"]) == (1, "InvalidInputError")
    assert (gate.exit_code, blocked.exit_code) == (0, 1)
    assert "is waived until" in gate.stdout
    assert "(failed): moving" in " ".join(gate.stdout.split())


async def test_profile_shows_what_users_have_instead_of_a_value(settings: Settings, database: Database) -> None:
    given: list[dict[str, Any]] = [{"tags": ["a"]}, {"tags": []}, {"tags": None}, {"tags": None}, {"tags": 5}, {}]
    users = [{"email": f"user{number}@example.org", **each} for number, each in enumerate(given)]
    await database["users"].insert_many(users, bypass_document_validation=True)

    shown = await run_docustore("quality", "profile", "--field", "tags", **addresses(settings))

    for part in ("16.67", "1 missing", "2 null", "1 empty", "1 other type"):
        assert part in shown.stdout


async def test_rules_of_the_settings_are_listed(settings: Settings, database: Database) -> None:
    own = {"bio_given": {"kind": "required", "field": "profile.bio", "owner": "crm team"}}

    listed = await run_docustore(
        "quality", "rules", "--json", DOCUSTORE_QUALITY_RULES=json.dumps(own), **addresses(settings)
    )

    assert {rule["name"]: rule["owner"] for rule in listed.document}["bio_given"] == "crm team"


async def test_profile_and_suggested_rules(settings: Settings, database: Database) -> None:
    """The suggested rules are settings that the service accepts."""
    variables = addresses(settings)
    await database["users"].insert_many([user(number, last_name="Lovelace") for number in range(120)])

    profile = await run_docustore("quality", "profile", "--field", "last_name", **variables)
    suggested = await run_docustore("quality", "suggest", "--field", "last_name", "--json", **variables)
    accepted = await run_docustore(
        "quality", "rules", "--json", DOCUSTORE_QUALITY_RULES=json.dumps(suggested.document), **variables
    )

    text = await run_docustore("quality", "suggest", "--field", "last_name", **variables, COLUMNS="20")
    again = await run_docustore(
        "quality",
        "suggest",
        "--field",
        "last_name",
        DOCUSTORE_QUALITY_RULES=json.dumps(suggested.document),
        **variables,
    )

    # It can be appended to the settings, also a second time.
    assert tomllib.loads(text.stdout) == {"quality_rules": suggested.document}
    assert tomllib.loads(again.stdout) == {}
    assert "Lovelace (120)" in profile.stdout
    assert sorted(suggested.document) == ["last_name_given", "last_name_known"]
    assert suggested.document["last_name_known"]["values"] == ["Lovelace"]
    assert {"last_name_given", "last_name_known"} <= {rule["name"] for rule in accepted.document}
