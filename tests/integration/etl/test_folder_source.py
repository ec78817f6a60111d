"""Runs over the files of a folder, a pattern or a storage."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from docustore.database import Database
from docustore.errors import ConfigurationError
from docustore.etl.models import EtlRun, RunState, Window
from docustore.etl.sources import files
from docustore.etl.sources.registry import open_source
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user

OLD = (1_700_000_000, 1_700_000_000)


def lines(*numbers: int, **fields: Any) -> bytes:
    return b"".join(json.dumps(user(n, **fields)).encode() + b"\n" for n in numbers)


def write(path: Path, content: bytes, *, is_old: bool = True) -> None:
    path.write_bytes(content)
    if is_old:
        os.utime(path, OLD)


async def read(run_source: Run, source: SourceSettings, **options: Any) -> int:
    run = await run_source(source, **options)
    assert run.state is RunState.SUCCEEDED, run.error
    return run.counts.read


async def test_file_is_loaded_once(tmp_path: Path, run_source: Run, database: Database) -> None:
    source = file_source(tmp_path)
    write(tmp_path / "b.ndjson", lines(3))
    write(tmp_path / "a.ndjson.gz", gzip.compress(lines(1, 2)))
    write(tmp_path / "notes.md", b"no records")
    write(tmp_path / ".hidden.ndjson", lines(9))

    assert await read(run_source, source) == 3
    assert await read(run_source, source) == 0
    write(tmp_path / "c.ndjson", lines(4))
    assert await read(run_source, source) == 1
    os.utime(tmp_path / "b.ndjson")
    assert await read(run_source, source) == 0, "only the time has changed"
    write(tmp_path / "b.ndjson", lines(5))
    assert await read(run_source, source) == 1, "the same size, other bytes"
    assert await read(run_source, source, full=True) == 4
    assert await database.users.count_documents({}) == 5


@pytest.mark.parametrize("options", [{"dry_run": True}, {"since": "2020-01-01T00:00:00Z"}])
async def test_partial_run_remembers_nothing(tmp_path: Path, run_source: Run, options: dict[str, Any]) -> None:
    source = file_source(tmp_path)
    write(tmp_path / "a.ndjson", lines(1))

    await read(run_source, source, **options)

    assert await read(run_source, source) == 1
    assert await read(run_source, source) == 0


async def test_failed_run_remembers_nothing(tmp_path: Path, run_source: Run, database: Database) -> None:
    """Its quarantined records would never be read again."""
    source = file_source(tmp_path)
    write(tmp_path / "a.ndjson", b'{"id": 1}\n' * 3)
    failed = await run_source(source)
    write(tmp_path / "b.ndjson", lines(*range(9)))

    assert (failed.state, failed.counts.quarantined) == (RunState.FAILED, 3)
    assert await read(run_source, source) == 12
    assert await database.etl_memories.count_documents({}) == 1


async def test_other_settings_read_known_files_again(tmp_path: Path, run_source: Run) -> None:
    """They may give other users."""
    write(tmp_path / "a.ndjson", lines(1))

    assert await read(run_source, file_source(tmp_path)) == 1
    assert await read(run_source, file_source(tmp_path, required=("email",))) == 1
    assert await read(run_source, file_source(tmp_path, required=("email",), schedule="off")) == 0


async def test_snapshots_of_a_folder_lack_no_known_file(
    tmp_path: Path, run_source: Run, database: Database
) -> None:
    """Records of a file that is left out are not absent."""
    source = file_source(tmp_path, deletes="snapshot", limits={"max_deactivated_pct": 100})
    write(tmp_path / "a.ndjson", lines(1, 2, 3))

    assert [await read(run_source, source) for _ in range(3)] == [3, 3, 3]
    assert await database.users.count_documents({"status": "active"}) == 3


async def test_broken_file_does_not_block_the_others(tmp_path: Path, run_source: Run, database: Database) -> None:
    source = file_source(tmp_path)
    write(tmp_path / "a.json", b'[{"id": 1}, {"id"')
    write(tmp_path / "b.ndjson", lines(*range(2, 9)))

    run = await run_source(source)
    write(tmp_path / "a.json", b"[]")

    assert run.state is RunState.FAILED
    assert "a.json: the JSON array is broken" in (run.error or "")
    assert await database.users.count_documents({}) == 7
    assert await read(run_source, source) == 7


async def test_unreadable_file_is_named(tmp_path: Path, run_source: Run, database: Database) -> None:
    source = file_source(tmp_path)
    write(tmp_path / "b.ndjson", lines(1))
    (tmp_path / "a.ndjson").symlink_to("/proc/self/mem")
    (tmp_path / "gone.ndjson").symlink_to("nowhere")
    write(tmp_path / os.fsdecode(b"\xff.json"), b"[")

    run = await run_source(source)

    assert run.state is RunState.FAILED
    assert "a.ndjson: cannot be read (OSError) (and 1 more files)" in (run.error or "")
    assert await database.users.count_documents({}) == 1


@pytest.mark.parametrize(
    ("name", "part", "whole"),
    [
        ("a.ndjson", lines(1, 2)[:-20], lines(1, 2)),
        ("a.ndjson.gz", gzip.compress(lines(1, 2))[:-9], gzip.compress(lines(1, 2))),
        ("a.json", json.dumps([user(1), user(2)]).encode()[:-20], json.dumps([user(1), user(2)]).encode()),
        ("a.json", b"", json.dumps([user(1), user(2)]).encode()),
        (
            "a.csv",
            b"id,email,first_name,last_name\n",
            b"id,email,first_name,last_name\n1,a@x.org,A,A\n2,b@x.org,B,B\n",
        ),
    ],
)
async def test_file_that_is_being_written_is_not_lost(
    tmp_path: Path, run_source: Run, database: Database, name: str, part: bytes, whole: bytes
) -> None:
    source = file_source(tmp_path)
    write(tmp_path / name, part, is_old=False)
    write(tmp_path / "z.ndjson", lines(7))
    first = await run_source(source)
    write(tmp_path / name, whole)
    second = await run_source(source)

    assert (first.state, first.counts.quarantined) == (RunState.SUCCEEDED, 0), first.error
    assert (second.state, await database.users.count_documents({})) == (RunState.SUCCEEDED, 3)
    assert await database.etl_quarantine.count_documents({}) == 0


async def test_file_that_grows_while_it_is_read(tmp_path: Path, run_source: Run, database: Database) -> None:
    path = tmp_path / "a.ndjson"
    write(path, lines(1, 2, 3))
    async with open_source("crm", file_source(tmp_path), page_size=1) as source:
        pages = source.pages(Window(), after=None)
        await anext(pages)
        write(path, lines(1, 2, 3, 4))
        _ = [page async for page in pages]

        assert source.to_remember() == {}


async def test_resumed_run_reads_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "a.ndjson", lines(1, 2, 3))
    write(tmp_path / "b.ndjson", lines(4, 5))
    async with open_source("crm", file_source(tmp_path), page_size=2) as source:
        pages = [page async for page in source.pages(Window(), after=None)]
    write(tmp_path / "0.ndjson", lines(0))

    async with open_source("crm", file_source(tmp_path), page_size=2) as resumed:
        rest = [page async for page in resumed.pages(Window(), after=pages[0].resume)]
        remembered = resumed.to_remember()

    assert [json.loads(raw)["id"] for page in rest for raw in page.records] == [3, 4, 5]
    assert [page.first for page in rest] == [3, 4]
    # The new file before them was not read by this attempt, so it is left for the next run.
    assert len(remembered or {}) == 2


async def test_pattern_takes_matching_files_only(tmp_path: Path, run_source: Run) -> None:
    (tmp_path / "2026").mkdir()
    write(tmp_path / "2026" / "people-1.ndjson", lines(1))
    write(tmp_path / "people-2.ndjson", lines(2, 3))
    write(tmp_path / "other.ndjson", lines(9))

    assert await read(run_source, file_source(tmp_path / "people-*.ndjson"), name="a") == 2
    assert await read(run_source, file_source(tmp_path / "**" / "people-*"), name="b") == 3


async def test_name_with_brackets_is_one_file(tmp_path: Path, run_source: Run) -> None:
    write(tmp_path / "people [1].ndjson", lines(1))

    assert await read(run_source, file_source(tmp_path / "people [1].ndjson")) == 1
    assert await read(run_source, file_source(tmp_path / "people [1].ndjson")) == 1, "one file is always read"


@pytest.fixture
def memory() -> Callable[[str, bytes], str]:
    """Write files into fsspec's storage in memory, below a folder of the test."""
    folder = f"/{uuid4().hex}"

    def put(name: str, content: bytes) -> str:
        fsspec.filesystem("memory").pipe(f"{folder}/{name}", content)
        return f"memory://{folder}"

    return put


async def test_storage_is_read_like_a_folder(memory: Callable[[str, bytes], str], run_source: Run) -> None:
    url = memory("a.ndjson", lines(1, 2))
    memory("b.csv.gz", gzip.compress(b"id,email,first_name,last_name\n3,c@x.org,C,C\n"))
    memory("notes.md", b"no records")
    source = SourceSettings(kind="file", url=url)

    assert await read(run_source, source) == 3
    assert await read(run_source, source) == 0
    memory("a.ndjson", lines(1, 4))
    assert await read(run_source, source) == 2
    assert await read(run_source, SourceSettings(kind="file", url=f"{url}/*.ndjson"), name="b") == 2
    assert await read(run_source, SourceSettings(kind="file", url=f"{url}/a.ndjson"), name="c") == 2


async def test_local_storage_of_fsspec(tmp_path: Path, run_source: Run) -> None:
    write(tmp_path / "a.ndjson", lines(1))
    source = SourceSettings(kind="file", url=f"local://{tmp_path}")

    assert [await read(run_source, source) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("memory:///nowhere/a.csv", "no file or folder"),
        ("nosuch://bucket/a.csv", "fsspec does not know"),
        ("s3://bucket/a.csv", "s3fs"),
    ],
)
async def test_storage_that_cannot_be_used(run_source: Run, url: str, problem: str) -> None:
    run: EtlRun = await run_source(SourceSettings(kind="file", url=url))

    assert run.state is RunState.FAILED
    assert problem in (run.error or "")


async def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_another_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(files, "FSSPEC_PLACE", "needs_another_package")

    with pytest.raises(ConfigurationError, match=r"install docustore\[fsspec\]"):
        async with open_source("crm", SourceSettings(kind="file", url="s3://bucket"), page_size=1):
            pass
