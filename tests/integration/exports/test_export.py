"""An export is one moment, whole or known to be cut short."""

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.timestamp import Timestamp
from pymongo.read_concern import ReadConcern

from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import ExportExpiredError, NotFoundError
from docustore.exports.export import begin_export, find_export
from docustore.exports.formats import ExportFormat, FileForm
from docustore.exports.models import ExportState
from docustore.exports.order import ExportOrder
from docustore.exports.snapshot import present
from docustore.users.listing import UserFilter
from docustore.users.profile import UserStatus
from tests.integration.exports.conftest import export_to, fill


async def begun(database: Database, **order: Any) -> Any:
    return await begin_export(database, ExportOrder(**order), actor="cli:test", batch_docs=5)


async def test_export_shows_the_moment_of_its_begin(database: Database) -> None:
    """Users that are added, changed and removed afterwards do not appear in it."""
    await fill(database, users=20)
    before = {str(user["_id"]): user["status"] async for user in database.users.find()}

    export = await begun(database)
    await database.users.update_many({}, {"$set": {"status": "suspended"}})
    await database.users.delete_one({"email": "user19@example.org"})
    await database.users.insert_one({"email": "late@example.org", "status": "active"})
    text = b"".join([chunk async for chunk in export.chunks()])

    found = {line["id"]: line["status"] for line in map(json.loads, text.splitlines())}
    assert found == before


async def test_time_beyond_the_calendar_is_that_of_the_api(database: Database) -> None:
    """Every form has the last moment of the calendar, as `GET /users/{id}` has; a restore keeps the time."""
    await database.users.insert_one({"email": "far@example.org", "created_at": DatetimeMS(10**15)})
    texts = []
    for order in ({}, {"form": FileForm(format=ExportFormat.CSV)}, {"is_full": True}):
        export = await begun(database, **order)
        texts.append(b"".join([chunk async for chunk in export.chunks()]).decode())

    assert json.loads(texts[0])["created_at"].startswith("9999-12-31T23:59:59")
    assert "9999-12-31T23:59:59" in texts[1]
    assert str(10**15) in texts[2]


async def test_record_has_rows_and_digest(database: Database, tmp_path: Path) -> None:
    await fill(database, users=12)
    path = tmp_path / "users.csv.gz"

    export = await export_to(database, path)

    found = await find_export(database, str(export.id))
    data = path.read_bytes()
    assert (found.state, found.rows, found.bytes) == (ExportState.COMPLETE, 12, len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest() == export.tally.sha256
    assert gzip.decompress(data).count(b"user11@example.org") == 1
    assert await database.audit_log.distinct("action") == ["users.export"]


async def test_equal_users_give_equal_bytes(database: Database, tmp_path: Path) -> None:
    """Also compressed: the time of the export is not in the file."""
    await fill(database, users=12)

    for name in ("users.ndjson.gz", "users.csv", "users.parquet"):
        digests = {(await export_to(database, tmp_path / name)).tally.sha256 for _ in range(2)}
        assert len(digests) == 1, name


async def test_filters_are_those_of_the_list(database: Database, tmp_path: Path) -> None:
    await fill(database, users=12)
    await database.users.update_one({"email": "user3@example.org"}, {"$set": {"deleted_at": now_utc()}})

    path = tmp_path / "users.ndjson"
    await export_to(database, path, which=UserFilter(status=UserStatus.ACTIVE))

    emails = [json.loads(line)["email"] for line in path.read_bytes().splitlines()]
    assert emails == ["user0@example.org", "user6@example.org", "user9@example.org"]


async def test_no_secret_leaves_without_full(database: Database, tmp_path: Path) -> None:
    await fill(database, users=2)
    await database.users.update_many({}, {"$set": {"password_hash": "hash-of-a-password"}})

    for name in ("users.ndjson", "users.csv", "users.parquet"):
        await export_to(database, tmp_path / name)
        assert b"hash-of-a-password" not in (tmp_path / name).read_bytes()

    await export_to(database, tmp_path / "full.ndjson", is_full=True)
    assert (tmp_path / "full.ndjson").read_bytes().count(b"hash-of-a-password") == 2


async def test_state_that_is_gone_is_refused(database: Database) -> None:
    """The server keeps 300 s of past states; an older one is never mixed with a newer one."""
    await fill(database, users=2)
    now = await present(database)
    old = replace(now, cluster_time=Timestamp(now_utc() - timedelta(days=1), 1))
    export = await begin_export(database, ExportOrder(), actor="cli:test", moment=old)

    with pytest.raises(ExportExpiredError, match="minSnapshotHistoryWindowInSeconds"):
        [chunk async for chunk in export.chunks()]

    found = await find_export(database, str(export.id))
    assert (found.state, found.sha256) == (ExportState.FAILED, None)
    assert "no longer keeps" in (found.error or "")


async def test_dropped_collection_is_no_empty_export(database: Database) -> None:
    """The server reads a collection that was dropped as an empty one."""
    await fill(database, users=2)
    export = await begun(database)

    await database.users.drop()

    with pytest.raises(ExportExpiredError):
        [chunk async for chunk in export.chunks()]


async def test_lost_cursor_continues_at_the_same_moment(database: Database) -> None:
    """As after an election: the server has forgotten the cursor."""
    await fill(database, users=20)
    await database.users.insert_one({"_id": "text", "email": "text@example.org"}, bypass_document_validation=True)
    from_start = [json.loads(line)["id"] async for line in lines_of(database)]

    export = await begun(database)
    moment = export.moment
    chunks = export._reader().batches()
    users = await anext(chunks)
    await database.users.update_many({}, {"$set": {"status": "suspended"}})
    await kill_cursors(database)
    async for batch in chunks:
        users += batch

    assert [str(user["_id"]) for user in users] == from_start
    assert {user["status"] for user in users if "status" in user} == {"active", "inactive", "suspended"}
    assert export.moment == moment


async def lines_of(database: Database) -> Any:
    export = await begun(database)
    for line in b"".join([chunk async for chunk in export.chunks()]).splitlines():
        yield line


async def kill_cursors(database: Database) -> None:
    pipeline = [
        {"$currentOp": {"idleCursors": True}},
        {"$match": {"type": "idleCursor", "ns": f"{database.name}.users"}},
    ]
    admin = database.client.get_database("admin", read_concern=ReadConcern("local"))
    found = await (await admin.aggregate(pipeline)).to_list()
    assert found
    cursors = [each["cursor"]["cursorId"] for each in found]
    await database.command({"killCursors": "users", "cursors": cursors})


async def test_reader_that_leaves_is_recorded(database: Database) -> None:
    big = {"status": "active", "profile": {"bio": "x" * 5000}}
    await database.users.insert_many([{"email": f"u{number}@example.org", **big} for number in range(30)])
    export = await begun(database, form=FileForm(format=ExportFormat.CSV))
    chunks = export.chunks()
    await anext(chunks)

    await chunks.aclose()

    found = await find_export(database, str(export.id))
    assert (found.state, found.error) == (ExportState.FAILED, "the reader of the file went away")


async def test_users_of_other_clients_do_not_end_an_export(database: Database, tmp_path: Path) -> None:
    odd = {
        "email": 7,
        "first_name": None,
        "profile": "none",
        "roles": "admin",
        "updated_at": "soon",
        "version": "x",
    }
    await database.users.insert_one(odd, bypass_document_validation=True)

    for name in ("users.ndjson", "users.csv", "users.parquet"):
        export = await export_to(database, tmp_path / name)
        assert export.tally.rows == 1


async def test_unknown_export_is_not_found(database: Database) -> None:
    for export_id in ("nothing", "6b036b42dddea18c01e9b78e"):
        with pytest.raises(NotFoundError):
            await find_export(database, export_id)


async def test_present_is_the_time_of_the_server(database: Database) -> None:
    moment = await present(database)

    assert abs(moment.as_of - now_utc()) < timedelta(minutes=1)
