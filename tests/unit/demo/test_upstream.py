"""The upstream service: its protocol, and the changes of its directory."""

import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from docustore.demo.changes import Evolution
from docustore.demo.directory import Directory, entry_of, milliseconds
from docustore.demo.file_records import read_records
from docustore.demo.records import make_records
from docustore.demo.upstream import UpstreamOptions, evolution_of
from docustore.demo.upstream_app import UpstreamState, create_upstream

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = 600


def evolution() -> Evolution:
    records = make_records(SIZE, seed=1, until=NOW)
    return Evolution(Directory(records), newcomers=make_records(500, seed=1, until=NOW, first=SIZE), seed=1)


@pytest.fixture
def client() -> Iterator[TestClient[Any]]:
    with TestClient(create_upstream(UpstreamState(evolution=evolution(), faults={}))) as client:
        yield client


def read_all(client: TestClient[Any], *, limit: int = 50, **window: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit, **window}
    while True:
        page = client.get("/users", params=query).json()
        assert set(page) == {"users", "next_cursor", "server_time"}
        assert len(page["users"]) <= limit
        records += page["users"]
        if page["next_cursor"] is None:
            return records
        query["cursor"] = page["next_cursor"]


def modified(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record.get("modified_at") or record["modifiedAt"])


@pytest.mark.parametrize("limit", [1, 7, 50, SIZE, 10_000])
def test_pages_cover_every_record_once_in_order(client: TestClient[Any], limit: int) -> None:
    records = read_all(client, limit=limit)

    assert len({record["id"] for record in records}) == len(records) == SIZE
    assert records == sorted(records, key=lambda record: (modified(record), record["id"]))


def test_windows_are_half_open(client: TestClient[Any]) -> None:
    """Windows that touch share no record and leave none out."""
    middle = modified(read_all(client)[SIZE // 2]).astimezone(UTC).isoformat()

    before = read_all(client, until=middle)
    after = read_all(client, modified_since=middle)

    assert [len(before), len(after)] == [SIZE // 2, SIZE - SIZE // 2]


def test_records_of_one_instant_are_split_between_pages() -> None:
    entries = [entry_of({"id": f"{n}"}, key=(milliseconds(NOW), f"{n:03}", 0)) for n in range(10)]
    directory = Directory(entries)

    first = directory.page(since=None, until=None, cursor=None, limit=4)
    second = directory.page(since=None, until=None, cursor=first.next_cursor, limit=10)

    assert len(first.records) + len(second.records) == 10
    assert second.next_cursor is None


def test_server_time_is_now(client: TestClient[Any]) -> None:
    given = datetime.fromisoformat(client.get("/users", params={"limit": 1}).json()["server_time"])

    assert abs(datetime.now(UTC) - given) < timedelta(minutes=1)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 10_001}, {"cursor": "bm9uZQ"}, {"until": "soon"}])
def test_wrong_query_is_refused(client: TestClient[Any], query: dict[str, Any]) -> None:
    assert client.get("/users", params=query).status_code == 400


def test_faults_pass_when_asked_again() -> None:
    with TestClient(create_upstream(UpstreamState(evolution=evolution()))) as client:
        answers = [client.get("/users") for _ in range(10)]

    assert Counter(answer.status_code for answer in answers) == {200: 8, 503: 1, 429: 1}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code != 200} == {"1"}


def test_advance_brings_every_kind_of_change(client: TestClient[Any]) -> None:
    before = {record["id"]: record for record in read_all(client)}

    counts = client.post("/advance").json()

    changed = read_all(client, modified_since=counts["server_time"])
    kinds = Counter(kind_of(record, before) for record in changed)
    assert kinds == {kind: counts[kind] for kind in ("new", "changed", "moved", "deleted")}
    assert min(kinds.values()) >= 3
    assert {modified(record) for record in changed} == {datetime.fromisoformat(counts["server_time"])}
    assert len(read_all(client)) == SIZE + counts["new"]


def kind_of(record: dict[str, Any], before: dict[str, dict[str, Any]]) -> str:
    if record.get("deleted"):
        return "deleted"
    if record["id"] not in before:
        return "new"
    return "changed" if record["email"] == before[record["id"]]["email"] else "moved"


def test_advances_repeat_for_the_same_seed() -> None:
    one, other = evolution(), evolution()
    for generation in range(3):
        now = NOW + timedelta(hours=generation + 1)
        assert one.advance(now=now) == other.advance(now=now)

    assert one.directory.entries == other.directory.entries


def test_deleted_users_are_not_touched_again() -> None:
    made = evolution()

    counts = [made.advance(now=NOW + timedelta(hours=n + 1)) for n in range(40)]

    tombstones = [entry for entry in made.directory.entries if b'"deleted":true' in entry.raw]
    assert len(tombstones) == sum(count.deleted for count in counts)


@pytest.mark.parametrize("compress", [False, True])
def test_file_is_served_whole_after_it_all_arrived(tmp_path: Path, *, compress: bool) -> None:
    """The newest tenth is held back; odd records are served unchanged."""
    lines = [msgspec.json.encode({"id": n, "modifiedAt": f"2024-01-{n % 28 + 1:02}T00:00:00Z"}) for n in range(97)]
    lines += [
        b'{"email":"x@example.org"}',
        b'{"id":"later","updated_at":7,"modifiedAt":"2999-01-01"}',
        b"[]",
        b"{",
    ]
    path = tmp_path / "users.ndjson"
    path.write_bytes(gzip.compress(b"\n".join(lines)) if compress else b"\n".join(lines))

    read = read_records(path, now=NOW)

    assert (len(read.first), len(read.newcomers), read.skipped) == (90, 9, 2)
    assert sorted(entry.raw for entry in (*read.first, *read.newcomers)) == sorted(lines[:99])
    assert max(entry.key[0] for entry in read.newcomers) == milliseconds(NOW)


def test_data_takes_the_place_of_made_up_users(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(b'{"id":"1","email":"ada@example.org","modified_at":"2024-01-01T00:00:00Z"}\n')

    made, skipped = evolution_of(UpstreamOptions(port=0, users=5, data=path), now=NOW)

    assert (len(made.directory), skipped) == (1, 0)
