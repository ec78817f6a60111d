"""Every kind of source: loads, changes, and a system that goes away, with the same result."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.etl.models import RunState
from docustore.etl.run import RunEnvironment
from docustore.source_options.kind import SourceKind
from tests.conftest import Servers
from tests.integration.etl.conftest import Run, user
from tests.upstreams.mongodb import LEAKS
from tests.upstreams.postgresql import PostgresServer
from tests.upstreams.start import upstream_of
from tests.upstreams.upstream import Upstream

QUICK = {"http": {"max_retries": 0, "page_size": 2}, "scim": {"max_retries": 0, "page_size": 2}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docustore.etl.sources.mongodb.TIMEOUT_MS", 200)


@pytest.mark.parametrize("kind", SourceKind)
@pytest.mark.filterwarnings(LEAKS)
async def test_kinds_give_the_same_users(
    kind: SourceKind, servers: Servers, tmp_path: Path, run_source: Run, environment: RunEnvironment
) -> None:
    async with upstream_of(kind, tmp_path, mongodb_url=servers.mongodb_url) as upstream:
        await check_users(upstream, run_source, environment)


async def test_postgresql_gives_the_same_users(
    postgres: PostgresServer, tmp_path: Path, run_source: Run, environment: RunEnvironment
) -> None:
    async with upstream_of(SourceKind.SQL, tmp_path, mongodb_url="", postgres=postgres) as upstream:
        await check_users(upstream, run_source, environment)


async def check_users(upstream: Upstream, run_source: Run, environment: RunEnvironment) -> None:
    paged = replace(environment, settings=environment.settings.model_copy(update={"etl_batch_size": 2}))
    fields: dict[str, Any] = QUICK.get(upstream.kind.value, {})
    await upstream.put([user(number) for number in range(5)])
    first = await run_source(upstream.settings(**fields), with_=paged)
    # Within the window of the second run.
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    await upstream.put([user(1, first_name="New", modified_at=at), user(7, modified_at=at)])
    await upstream.stop()
    second = await run_source(upstream.settings(**fields), with_=paged)
    await upstream.start()
    if upstream.can_stop:
        assert (second.state, second.counts.read) == (RunState.DUE, 0), second.error
        second = await run_source(upstream.settings(**fields), again=str(second.id), with_=paged)

    assert (first.state, first.counts.inserted) == (RunState.SUCCEEDED, 5), first.error
    assert (second.state, second.counts.inserted, second.counts.updated) == (RunState.SUCCEEDED, 1, 1)
    names = {each["email"]: each["first_name"] async for each in environment.database.users.find()}
    assert names == {f"user{n}@example.org": "New" if n == 1 else "User" for n in (0, 1, 2, 3, 4, 7)}
