"""SQL sources, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import ConfigurationError, DocustoreError, SourceContentError
from docustore.etl.models import RunState, Window
from docustore.etl.sources import sql
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, user
from tests.integration.etl.sql_tables import START, execute, read, users
from tests.upstreams.postgresql import PASSWORD, PostgresServer
from tests.upstreams.sql import PostgresUpstream


@pytest.fixture
async def people(postgres: PostgresServer) -> AsyncIterator[PostgresUpstream]:
    """An empty table of PostgreSQL."""
    upstream = PostgresUpstream(postgres, await postgres.new_database())
    await upstream.create()
    yield upstream
    upstream.close()


async def test_runs_follow_the_changes_of_a_table(
    people: PostgresUpstream, database: Database, run_source: Run
) -> None:
    await people.put(users(5))
    first = await run_source(people.settings())
    changed = user(1, first_name="New", modified_at=datetime.now(UTC).isoformat())
    await people.put([changed])
    second = await run_source(people.settings())

    assert (first.state, first.counts.inserted) == (RunState.SUCCEEDED, 5)
    assert (second.state, second.counts.read, second.counts.updated) == (RunState.SUCCEEDED, 1, 1)
    stored = await database.users.find_one({"identities.key": "crm:1"})
    assert (stored or {})["first_name"] == "New"


async def test_rows_of_one_time_are_read_once(people: PostgresUpstream) -> None:
    await people.put([user(n) for n in range(7)])

    assert [row["id"] for row in await read(people.settings())] == list(range(7))


async def test_row_without_a_time_is_read_by_every_run(people: PostgresUpstream) -> None:
    """It may be new."""
    await people.put(users(3))
    await execute(people, "UPDATE people SET changed_on = NULL WHERE number = 1")
    since = Window(since=START + timedelta(days=2), until=datetime.now(UTC))

    assert [row["id"] for row in await read(people.settings(), since)] == [1, 2]
    assert [row["id"] for row in await read(people.settings())] == [1, 0, 2]


async def test_types_of_postgresql_become_json(people: PostgresUpstream) -> None:
    await execute(
        people,
        "CREATE TABLE typed (uid uuid, made timestamp, changed timestamptz, ends timestamptz, born date,"
        " pay numeric, n numeric, raw bytea, doc jsonb, labels text[], PRIMARY KEY (uid, born))",
        "INSERT INTO typed VALUES ('12345678-1234-5678-1234-567812345678', '2026-07-01 12:00',"
        " '2026-07-01 12:00+02', 'infinity', '1990-01-02', 7.50, 7.00, '\\xff', '{\"a\": [1, null]}', '{x,y}')",
    )

    [row] = await read(people.settings(table="typed", modified="changed", zone="Europe/Berlin"))

    assert row == {
        "id": "12345678-1234-5678-1234-567812345678/1990-01-02",
        "modified_at": "2026-07-01T10:00:00Z",
        "uid": "12345678-1234-5678-1234-567812345678",
        "made": "2026-07-01T10:00:00Z",
        "changed": "2026-07-01T10:00:00Z",
        "ends": "infinity",
        "born": "1990-01-02",
        "pay": 7.5,
        "n": 7,
        "raw": "/w==",
        "doc": {"a": [1, None]},
        "labels": ["x", "y"],
    }


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date", "bigint", "text"])
async def test_window_fits_the_column_of_the_last_change(people: PostgresUpstream, kind: str) -> None:
    at = {
        "bigint": "(extract(epoch FROM t) * 1000)::bigint",
        "text": "to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    }.get(kind, f"(t AT TIME ZONE 'UTC')::{kind}")
    await execute(
        people,
        f"CREATE TABLE timed AS SELECT n AS number, {at} AS changed FROM (SELECT n, timestamptz"  # noqa: S608
        " '2026-01-01 12:00Z' + n * interval '1 day' AS t FROM generate_series(0, 6) n) days",
    )
    settings = people.settings(table="timed", key=("number",), modified="changed")
    window = Window(since=START + timedelta(days=2), until=START + timedelta(days=5))

    rows = await read(settings, window)

    # A day may contain a later change, so the whole day of the end is read too.
    assert [row["id"] for row in rows] == ([2, 3, 4, 5] if kind == "date" else [2, 3, 4])
    if kind not in {"date", "bigint"}:
        assert rows[0]["modified_at"] == "2026-01-03T12:00:00Z"


async def test_query_with_a_composite_key(people: PostgresUpstream) -> None:
    await people.put(users(4))
    query = (
        "SELECT p.*, 'a/b' AS tenant FROM people p WHERE email LIKE '%@example.org' AND '12:30' = '12:30'::text;"
    )

    rows = await read(people.settings(table=None, query=query, key=("tenant", "number")))

    assert [row["id"] for row in rows] == ["a%2Fb/0", "a%2Fb/1", "a%2Fb/2", "a%2Fb/3"]


async def test_database_is_not_changed(people: PostgresUpstream) -> None:
    await people.put(users(2))
    await execute(
        people,
        "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM people; SELECT 1'",
    )

    with pytest.raises(ConfigurationError, match="read-only transaction"):
        await read(people.settings(table=None, query="SELECT wipe() AS number", key=("number",), modified=None))

    assert len(await read(people.settings())) == 2


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"table": "nowhere"}, ConfigurationError, r"sources\.crm\.table: there is no table nowhere"),
        ({"modified": "when"}, ConfigurationError, r"sources\.crm\.modified: people has no column when"),
        (
            {"table": None, "query": "SELECT x FROM people", "key": ("x",)},
            ConfigurationError,
            r"sources\.crm\.query",
        ),
        ({"key": ("status",), "modified": None}, SourceContentError, "NULL in its key"),
        ({"key": ("last_name",), "modified": None}, SourceContentError, "same key"),
    ],
)
async def test_wrong_name_or_key_is_refused(
    people: PostgresUpstream, fields: dict[str, Any], error: type[DocustoreError], message: str
) -> None:
    await people.put([{**each, "last_name": "Same"} for each in users(3)])

    with pytest.raises(error, match=message):
        await read(people.settings(**fields))


async def test_table_without_a_primary_key_needs_one(people: PostgresUpstream) -> None:
    await execute(people, "CREATE TABLE loose (a int)")

    with pytest.raises(ConfigurationError, match="no primary key"):
        await read(people.settings(table="loose", modified=None))


async def test_wrong_password_is_final_and_not_shown(postgres: PostgresServer) -> None:
    url = postgres.url(password="hunter2")

    with pytest.raises(ConfigurationError, match="password authentication failed") as caught:
        await read(SourceSettings(kind="sql", url=url, table="people"))

    assert "hunter2" not in str(caught.value)


async def test_password_can_be_named(
    people: PostgresUpstream, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HR_URL", people.settings().url.replace("+psycopg", ""))
    assert PASSWORD in people.settings().url

    assert await read(SourceSettings(kind="sql", url="env:HR_URL", table="people")) == []


async def test_server_that_goes_away_puts_the_run_off(
    people: PostgresUpstream, database: Database, run_source: Run
) -> None:
    await people.put(users(3))
    await people.stop()
    try:
        put_off = await run_source(people.settings())
    finally:
        await people.start()
    resumed = await run_source(people.settings(), again=str(put_off.id))

    assert put_off.state is RunState.DUE
    assert (resumed.state, resumed.counts.inserted) == (RunState.SUCCEEDED, 3)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("nosuchdb://host/a", "SQLAlchemy does not know"),
        ("mysql+pymysql://host/a", "the driver pymysql is missing"),
        ("postgresql://me:hunter2@host:port/a", "SQLAlchemy does not know"),
    ],
)
async def test_address_that_cannot_be_used(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        await read(SourceSettings(kind="sql", url=url, table="people"))

    assert "hunter2" not in str(caught.value)


async def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_a_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sql, "READER", "needs_a_package")

    with pytest.raises(ConfigurationError, match=r"no_such_package is missing; install docustore\[sql\]"):
        await read(SourceSettings(kind="sql", url="sqlite:///a.db", table="people"))
