"""`docustore doctor` and other commands in front of servers that cannot be used."""

from typing import Any

import pytest

from docustore.config import Settings
from tests.integration.cli.docustore_command import addresses, run_docustore

OTHER_SET = "replicaSet=other&serverSelectionTimeoutMS=300"


async def findings(settings: Settings, **changed: str) -> dict[str, Any]:
    outcome = await run_docustore("doctor", "--json", DOCUSTORE_PORT="0", **(addresses(settings) | changed))
    assert outcome.exit_code == 1, outcome.stderr
    return {row["check"]: row for row in outcome.document["findings"]}


async def test_other_replica_set_is_named(settings: Settings) -> None:
    base = str(settings.mongodb_url).split("?")[0]

    found = (await findings(settings, DOCUSTORE_MONGODB_URL=f"{base}?{OTHER_SET}"))["mongodb"]

    assert "the URL names other" in found["seen"]
    assert found["next_step"] == "correct replicaSet= in DOCUSTORE_MONGODB_URL"


async def test_silent_servers_are_named(settings: Settings) -> None:
    url = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200"

    found = await findings(settings, DOCUSTORE_MONGODB_URL=url, DOCUSTORE_REDIS_URL="redis://127.0.0.1:1/0")

    assert found["mongodb"]["seen"] == "no answer from 127.0.0.1:1 (connection refused)"
    assert "DOCUSTORE_REDIS_URL" in found["valkey"]["next_step"]


@pytest.mark.parametrize("url", ["mongo://127.0.0.1:1", "mongodb://user:hidden/word@127.0.0.1:1"])
async def test_malformed_url_is_one_sentence(settings: Settings, url: str) -> None:
    """And the password that has broken the URL is not shown."""
    changed = {"DOCUSTORE_MONGODB_URL": url, "DOCUSTORE_REDIS_URL": "hidden://word"}

    found = await findings(settings, **changed)
    other = await run_docustore("etl", "sources", **(addresses(settings) | changed))

    assert found["mongodb"]["next_step"] == "correct DOCUSTORE_MONGODB_URL"
    assert found["valkey"]["next_step"] == "correct DOCUSTORE_REDIS_URL"
    assert other.exit_code == 1
    assert "DOCUSTORE_MONGODB_URL" in other.stderr
    assert "hidden" not in other.stderr + str(found)
    assert "--debug" not in other.stderr
