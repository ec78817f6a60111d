"""Runs against an HTTP service, with correct and faulty answers."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl.models import EtlRun, RunState
from docustore.etl.run import RunEnvironment
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, HttpService, Query, http_service
from tests.integration.etl.conftest import Run, user

SERVER_TIME = "2026-11-01T12:00:00Z"
IDS = [Random(number).randbytes(16).hex() for number in range(99)]
GZIPPED = gzip.compress(json.dumps({"users": [{"id": each} for each in IDS]}).encode(), mtime=0)
Answering = Callable[[Query], Answer]


def page(*users: dict[str, Any], cursor: str | None = None) -> Answer:
    return Answer({"users": list(users), "next_cursor": cursor, "server_time": SERVER_TIME})


def two_pages(query: Query) -> Answer:
    return page(user(2)) if query.get("cursor") == "c1" else page(user(1), cursor="c1")


def in_turn(*answers: Answer) -> Answering:
    left: Iterator[Answer] = iter(answers)
    return lambda _: next(left)


async def ran(run_source: Run, answer: Answering, **options: Any) -> tuple[EtlRun, HttpService]:
    async with http_service(answer) as service:
        source = SourceSettings(kind="http", url=service.url, page_size=7, max_retries=2, timeout_s=60)
        return await run_source(source, **options), service


async def test_pages_are_followed_within_one_window(database: Database, run_source: Run) -> None:
    run, service = await ran(run_source, two_pages)

    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, 2)
    until = datetime.fromisoformat(SERVER_TIME).isoformat()
    assert service.queries == [
        {"limit": "1"},
        {"limit": "7", "until": until},
        {"limit": "7", "until": until, "cursor": "c1"},
    ]
    assert run.watermark.after == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert await database.users.count_documents({}) == 2


async def test_clock_twenty_hours_ahead_loses_no_change(database: Database, run_source: Run) -> None:
    """The next run would start after its own end, read nothing and succeed."""
    ahead = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    jumped = Answer({"users": [user(1)], "next_cursor": None, "server_time": ahead})

    run, _ = await ran(run_source, lambda _: jumped)

    assert (run.state, await database.etl_sources.count_documents({})) == (RunState.FAILED, 0)
    assert "minutes ahead" in (run.error or "")


async def test_full_run_corrects_a_watermark_in_the_future(database: Database, run_source: Run) -> None:
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=20)
    await database.etl_sources.insert_one({"_id": "crm", "watermark": ahead, "paused": False})

    refused, _ = await ran(run_source, lambda _: page(user(1)))
    full, _ = await ran(run_source, lambda _: page(user(1)), full=True)

    assert (refused.state, full.state) == (RunState.FAILED, RunState.SUCCEEDED)
    [source] = await database.etl_sources.find().to_list()
    assert source["watermark"] == full.watermark.after == full.window.until


async def test_clock_far_ahead_moves_no_watermark(database: Database, run_source: Run) -> None:
    """A watermark in the future would skip every change until that time."""
    ahead = Answer({"users": [user(1)], "next_cursor": None, "server_time": "2999-01-01T00:00:00Z"})

    run, _ = await ran(run_source, lambda _: ahead)

    assert run.state is RunState.FAILED
    assert "days ahead" in (run.error or "")
    assert await database["etl_sources"].find_one({"watermark": {"$ne": None}}) is None
    assert await database["users"].count_documents({}) == 0


async def test_query_of_the_configured_url_is_kept(run_source: Run) -> None:
    """Without it, a service of many tenants would answer for all or another one."""
    async with http_service(two_pages) as service:
        source = SourceSettings(kind="http", url=f"{service.url}?tenant=5&limit=1")
        await run_source(source)

    assert {query["tenant"] for query in service.queries} == {"5"}
    assert [query["limit"] for query in service.queries] == ["1", "1000", "1000"]


async def test_second_run_asks_for_what_changed_since(run_source: Run) -> None:
    await ran(run_source, two_pages)

    _, service = await ran(run_source, two_pages)

    assert service.queries[1]["modified_since"] == "2026-11-01T11:55:00+00:00"


async def test_full_run_asks_for_everything(run_source: Run) -> None:
    await ran(run_source, two_pages)

    _, service = await ran(run_source, two_pages, full=True)

    assert "modified_since" not in service.queries[1]


@pytest.mark.parametrize(
    "failure",
    [
        Answer(status=503, headers={"retry-after": "0"}),
        Answer(status=429, headers={"retry-after": "0"}),
        Answer(status=502),
        Answer({"users": [user(1)]}, cut=True),
        Answer(status=408),
        Answer(b'{"users": [{"id": 1, "em'),
        Answer(GZIPPED[: len(GZIPPED) // 2], headers={"content-encoding": "gzip"}),
    ],
)
async def test_transient_failure_is_retried(run_source: Run, failure: Answer) -> None:
    run, service = await ran(run_source, in_turn(failure, page(), page(user(1))))

    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, 1)
    assert len(service.queries) == 3


async def test_long_retry_after_puts_the_run_off(run_source: Run) -> None:
    """Waiting would block a worker."""
    run, _ = await ran(run_source, lambda _: Answer(status=503, headers={"retry-after": "3600"}))

    assert run.state is RunState.DUE
    assert run.not_before is not None
    assert (run.not_before - datetime.now(UTC)).total_seconds() > 3000


@pytest.mark.parametrize("wish", ["99999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_retry_after_is_at_most_a_day(run_source: Run, wish: str) -> None:
    """A misconfigured proxy must not end a source's schedule."""
    run, _ = await ran(run_source, lambda _: Answer(status=503, headers={"retry-after": wish}))

    assert run.state is RunState.DUE
    assert run.not_before is not None
    assert (run.not_before - datetime.now(UTC)).total_seconds() <= 24 * 3600


@pytest.mark.parametrize("wish", ["\u00b2", "soon", "-1"])
async def test_malformed_retry_after_is_ignored(run_source: Run, wish: str) -> None:
    failure = Answer(status=503, headers={"retry-after": wish})

    run, _ = await ran(run_source, in_turn(failure, page(), page(user(1))))

    assert run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("date", ["yesterday", "Sun, 01 Nov 2026 12:00:00 -0000"])
async def test_clock_of_a_service_is_read_leniently(run_source: Run, date: str) -> None:
    """A malformed date header must not fail the run."""
    run, _ = await ran(run_source, lambda _: Answer({"users": [user(1)]}, headers={"date": date}))

    assert run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refusal_is_final(run_source: Run, status: int) -> None:
    run, service = await ran(run_source, lambda _: Answer(status=status))

    assert run.state is RunState.FAILED
    assert run.error is not None
    assert f"answered {status}" in run.error
    assert len(service.queries) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"<html>Sign in</html>", headers={"content-type": "text/html"}), "HTML"),
        (Answer({"data": []}), '"users"'),
        (Answer(b'{"users": [{"id": 1} {"id": 2}]}'), "broken JSON"),
        (Answer({"users": [], "next_cursor": "same"}), "came twice"),
    ],
)
async def test_malformed_answer_fails_the_run(
    database: Database, run_source: Run, answer: Answer, reason: str
) -> None:
    """The watermark does not move, and the next run reads the same window."""
    run, _ = await ran(run_source, lambda _: answer)

    assert run.state is RunState.FAILED
    assert run.error is not None
    assert reason in run.error
    assert await database.etl_sources.find_one({"_id": "crm"}) is None


async def test_bad_record_costs_only_itself(database: Database, run_source: Run) -> None:
    body = (
        b'{"users": [{"id": 1, "email": "a@example.org", "first_name": "A", "last_name": "A", "x": NaN}, '
        b'{"id": 2, "email": "\\ud800@example.org"}, '
        b'{"id": 3, "email": "c@example.org", "first_name": "C", "last_name": "C"}]}'
    )

    run, _ = await ran(run_source, lambda _: Answer(body))

    assert (run.counts.inserted, run.counts.quarantined) == (1, 2)
    codes = {row["errors"][0]["code"] async for row in database.etl_quarantine.find()}
    assert codes == {"not_a_number", "lone_surrogate"}


async def test_interrupted_run_resumes_at_its_page(database: Database, run_source: Run) -> None:
    """Pages finished before the failure are neither read nor counted again."""

    def failing_after_page_one(query: Query) -> Answer:
        if query.get("cursor") == "c1":
            return Answer(status=503, headers={"retry-after": "3600"})
        return page(user(1), cursor="c1")

    put_off, _ = await ran(run_source, failing_after_page_one)
    await database.etl_runs.update_one({"_id": put_off.id}, {"$set": {"not_before": None}})

    async with http_service(two_pages) as service:
        source = SourceSettings(kind="http", url=service.url, page_size=7)
        run = await run_source(source, again=str(put_off.id))

    assert [query.get("cursor") for query in service.queries] == ["c1"]
    assert (run.attempts, run.counts.read, run.counts.inserted) == (2, 2, 2)


async def test_empty_pages_do_not_go_on_for_ever(run_source: Run) -> None:
    cursors = count()

    run, service = await ran(run_source, lambda _: page(cursor=f"c{next(cursors)}"))

    assert run.state is RunState.FAILED
    assert "100 empty pages" in (run.error or "")
    assert len(service.queries) == 101


async def test_trickling_body_ends_the_attempt(environment: RunEnvironment, run_source: Run) -> None:
    """Each byte is an answer in time, so the timeout of a request never ends it."""
    impatient = replace(
        environment, settings=environment.settings.model_copy(update={"etl_stalled_s": 1}), is_last_resort=True
    )

    run, _ = await ran(run_source, lambda _: Answer(b"{", endless=True), with_=impatient)

    assert run.state is RunState.FAILED
    assert "no record was read or stored for 1 seconds" in (run.error or "")


async def test_shrinking_data_is_noticed(database: Database, run_source: Run) -> None:
    """An offset then skips a record; the watermark must not move over it."""

    def shrinking(query: Query) -> Answer:
        is_second = query.get("cursor") == "1"
        users, cursor, total = ([user(3)], None, 2) if is_second else ([user(1)], "1", 3)
        return Answer({"users": users, "next_cursor": cursor, "server_time": SERVER_TIME, "total": total})

    run, _ = await ran(run_source, shrinking)

    assert run.state is RunState.FAILED
    assert "had 3 records in all, then 2" in (run.error or "")
    assert await database.etl_sources.find_one({"_id": "crm"}) is None
