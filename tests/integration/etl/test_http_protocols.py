"""HTTP services with other names and other paging."""

import json
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import ConfigurationError, SourceContentError
from docustore.etl.models import EtlRun, RunState, Window
from docustore.etl.sources.registry import open_source
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, Request, http_service
from tests.integration.etl.conftest import Run
from tests.integration.etl.http_reads import USERS, http_source, part, read, read_from


async def test_records_and_cursor_at_other_places() -> None:
    def answer(request: Request) -> Answer:
        start = int(request.query.get("from", "0"))
        following = start + 2 if start + 2 < len(USERS) else None
        return Answer({"data": {"items": part(start)}, "meta": {"@x.next": following}})

    found, service = await read_from(
        answer, records_key="data.items", cursor_key=r"meta.@x\.next", page_param="from", limit_param="size"
    )

    assert found == [0, 1, 2, 3, 4]
    assert service.queries[2]["size"] == "2"


async def test_bad_record_in_a_nested_array_costs_only_itself() -> None:
    body = b'{"items": [1], "data": {"items": [{"id": 1, "x": NaN}, {"id": 2}]}}'

    async with http_service(lambda _: Answer(body)) as service:
        settings = http_source(service, records_key="data.items", paging="none")
        async with open_source("crm", settings, page_size=2) as source:
            [page] = [page async for page in source.pages(Window(), after=None)]

    assert page.records == [b'{"id": 1, "x": NaN}', b'{"id": 2}']


@pytest.mark.parametrize("has_total", [False, True])
@pytest.mark.parametrize(("paging", "first"), [("page", 1), ("page", 0), ("offset", 0)])
async def test_numbered_pages_are_read_to_the_end(paging: str, first: int, *, has_total: bool) -> None:
    """The service cuts its pages shorter than asked for, which is no sign of the end."""

    def answer(request: Request) -> Answer:
        number = int(request.query[paging])
        start = number if paging == "offset" else (number - first) * 2
        return Answer({"users": part(start), **({"total": 5} if has_total else {})})

    found, service = await read_from(answer, paging=paging, first_page=first, page_size=100)

    assert found == [0, 1, 2, 3, 4]
    assert len(service.queries) == 1 + 3 + (0 if has_total else 1)


async def test_offset_that_is_ignored_does_not_go_on_for_ever() -> None:
    with pytest.raises(SourceContentError, match="same page twice"):
        await read_from(lambda _: Answer({"users": part(0)}), paging="offset")


@pytest.mark.parametrize("is_header", [True, False])
async def test_link_to_the_next_page_is_followed(*, is_header: bool) -> None:
    def answer(request: Request) -> Answer:
        start = int(request.query.get("at", "0"))
        link = f"/users?at={start + 2}" if start + 2 < len(USERS) else ""
        headers = {"link": f'<{link}>; rel="next", </users>; rel="first"'} if link and is_header else {}
        return Answer({"users": part(start), "next": None if is_header else link}, headers=headers)

    found, service = await read_from(answer, paging="link", cursor_key="next")

    assert found == [0, 1, 2, 3, 4]
    assert service.queries[-1] == {"at": "4"}


async def test_link_to_another_host_is_refused() -> None:
    answer = Answer({"users": part(0)}, headers={"link": '<http://127.0.0.2:1/users>; rel="next"'})

    with pytest.raises(SourceContentError, match="another host"):
        await read_from(lambda _: answer, paging="link", token="hunter2")


async def test_single_page_as_a_bare_array() -> None:
    found, service = await read_from(lambda _: Answer(USERS), paging="none", records_key="", since_param="")

    assert found == [0, 1, 2, 3, 4]
    assert service.queries == [{"limit": "2"}]


async def test_post_sends_its_body(run_source: Run) -> None:
    def answer(request: Request) -> Answer:
        asked = json.loads(request.body)
        start = asked["first"]
        return Answer({"users": part(start, 3)})

    body = {"q": "changed>{since}", "to": "{until}", "first": "{page}", "n": "{limit}", "fixed": [1, None]}
    async with http_service(answer, by_request=True) as service:
        source = http_source(service, method="POST", body=body, paging="offset")
        run = await run_source(source)
        again = await run_source(source)

    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, 5)
    assert [request.method for request in service.requests] == ["POST"] * len(service.requests)
    assert service.queries[0] == {}
    assert json.loads(service.requests[0].body) == {"first": 0, "n": 1, "fixed": [1, None]}
    assert json.loads(service.requests[-1].body)["q"] == f"changed>{again.window.since.isoformat()}"


async def test_answer_beyond_the_limit_is_refused() -> None:
    large = Answer(b'{"users": []}' + b" " * 1_000_001)

    with pytest.raises(SourceContentError, match="more than 1 MB"):
        await read_from(lambda _: large, max_response_mb=1)


class Versioned:
    """A service without a filter, whose answer has a version."""

    def __init__(self) -> None:
        self.users = part(0)
        self.status: list[int] = []

    def answer(self, request: Request) -> Answer:
        tag = f'"{len(self.users)}"'
        is_known = request.headers.get("if-none-match") == tag
        self.status.append(304 if is_known else 200)
        headers = {"etag": tag}
        return Answer(status=304, headers=headers) if is_known else Answer({"users": self.users}, headers=headers)


async def test_unchanged_answer_is_not_sent_again(run_source: Run, database: Database) -> None:
    upstream = Versioned()

    async def ran(**options: Any) -> EtlRun:
        run = await run_source(source, **options)
        assert run.state is RunState.SUCCEEDED, run.error
        return run

    async with http_service(upstream.answer, by_request=True) as service:
        source = http_source(service, since_param="")
        first, same, full = await ran(), await ran(), await ran(full=True)
        upstream.users = part(0, 3)
        changed = await ran()

    assert upstream.status == [200, 304, 200, 200]
    assert [run.counts.read for run in (first, same, full, changed)] == [2, 0, 2, 3]
    assert await database.users.count_documents({}) == 3


async def test_failed_run_remembers_no_version(run_source: Run) -> None:
    """Otherwise the records of the failed run would never be read."""
    upstream = Versioned()
    upstream.users = [{"id": 1}]

    async with http_service(upstream.answer, by_request=True) as service:
        runs = [await run_source(http_source(service, since_param="")) for _ in range(2)]

    assert [run.state for run in runs] == [RunState.FAILED, RunState.FAILED]
    assert upstream.status == [200, 200]


async def test_malformed_address_behind_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", "crm/users?key=hunter2")

    with pytest.raises(ConfigurationError, match=r"sources\.crm\.url: url must start with http") as caught:
        await read(SourceSettings(kind="http", url="env:CRM_URL"))

    assert "hunter" not in str(caught.value)
