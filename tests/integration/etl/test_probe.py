"""A source is tried without a run; each failure has one next step."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from docustore.config import Settings
from docustore.etl.probe import ProbeStep, probe_source
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, http_service
from tests.integration.etl.conftest import file_source, user, write_ndjson

SETTINGS = Settings(mongodb_url="mongodb://nowhere", redis_url="redis://nowhere")


async def probed(source: SourceSettings, **limits: Any) -> list[ProbeStep]:
    return await probe_source("crm", source, SETTINGS, **limits)


async def test_good_source_passes_every_step(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [user(1), user(2, email="nobody")])

    steps = await probed(file_source(path))

    assert [step.step for step in steps] == ["reachable", "clock", "first page", "records"]
    assert all(step.is_ok for step in steps)
    assert steps[-1].found == "1 of 2 can be loaded; /email email_malformed (1)"


@pytest.mark.parametrize(
    ("answer", "step", "next_step"),
    [
        (Answer(status=401), "credentials", "check its key"),
        (Answer(status=403), "credentials", "check its key"),
        (Answer(status=404), "reachable", "path of its `url`"),
        (Answer(status=400), "reachable", "check its `url`"),
        (Answer(status=503), "reachable", "the network"),
        (Answer(b"<html>", headers={"content-type": "text/html"}), "reachable", "look at what"),
        (
            Answer({"users": [], "next_cursor": None, "server_time": "2099-01-01T00:00:00Z"}),
            "clock",
            "look at what",
        ),
    ],
    ids=["401", "403", "404", "400", "503", "html", "clock"],
)
async def test_failure_has_one_next_step(answer: Answer, step: str, next_step: str) -> None:
    async with http_service(lambda _: answer) as service:
        steps = await probed(SourceSettings(kind="http", url=service.url, max_retries=5))

    assert (steps[-1].is_ok, steps[-1].step) == (False, step)
    assert next_step in steps[-1].next_step
    # Without retries: a person waits.
    assert len(service.queries) == 1


async def test_unreachable_source_and_missing_file_are_told_apart(tmp_path: Path) -> None:
    closed = await probed(SourceSettings(kind="http", url="http://127.0.0.1:1/users"))
    missing = await probed(file_source(tmp_path / "no.ndjson"))

    assert [(step.step, step.is_ok) for step in closed] == [("reachable", False)]
    assert [(step.step, step.is_ok) for step in missing] == [("settings", False)]
    assert "no file at" in missing[0].found


async def test_records_that_fit_no_rule_are_a_failure(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "users.ndjson", [{"id": 1, "Mail": "a@example.org"}])

    steps = await probed(file_source(path))

    assert (steps[-1].step, steps[-1].is_ok) == ("records", False)
    assert "none of 1 can be loaded" in steps[-1].found


async def test_silent_source_takes_its_time_limit_at_most() -> None:
    silence = asyncio.Event()
    async with http_service(lambda _: Answer(), hold=lambda _: silence.wait()) as service:
        source = SourceSettings(kind="http", url=service.url, timeout_s=60)
        steps = await probed(source, timeout_s=0.3)
        silence.set()

    assert (steps[-1].step, steps[-1].is_ok) == ("reachable", False)
