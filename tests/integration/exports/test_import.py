"""An import is the inverse of an export, and a repetition changes nothing."""

import io
import json
from pathlib import Path

import pytest

from docustore.api.patches import PatchType
from docustore.clock import now_utc
from docustore.database import Database
from docustore.users.cause import Cause
from docustore.users.preconditions import IfMatch
from docustore.users.service import Write, patch_user
from tests.integration.exports.conftest import JOINED, Imported, export_to, fill, fill_with_strangers

FORMS = ["users.ndjson", "users.ndjson.gz", "users.csv", "users.csv.gz", "users.parquet"]


async def emptied(database: Database) -> None:
    await database.users.delete_many({})


@pytest.mark.parametrize("name", FORMS)
async def test_export_of_an_import_is_the_same(
    database: Database, imported: Imported, tmp_path: Path, name: str
) -> None:
    await fill(database)
    first, second = tmp_path / f"1-{name}", tmp_path / f"2-{name}"
    await export_to(database, first)
    await emptied(database)

    report = await imported(first)
    again = await imported(first)
    await export_to(database, second)

    assert report.counts() == figures(read=30, inserted=30)
    assert again.counts() == figures(read=30, unchanged=30)
    assert second.read_bytes() == first.read_bytes()


async def test_formats_can_be_exchanged(database: Database, imported: Imported, tmp_path: Path) -> None:
    """What one format holds, the others hold too."""
    await fill(database)
    texts = []
    for name in ("a.ndjson", "b.csv", "c.parquet"):
        await export_to(database, tmp_path / name)
        await emptied(database)
        await imported(tmp_path / name)
        await export_to(database, tmp_path / "result.ndjson")
        texts.append((tmp_path / "result.ndjson").read_bytes())

    assert texts[0] == texts[1] == texts[2]


async def test_full_export_restores_everything(database: Database, imported: Imported, tmp_path: Path) -> None:
    """Deleted users, password hashes, identities, and the fields and types of other clients."""
    await fill_with_strangers(database)
    before = {user["_id"]: user async for user in database.users.find({}, {"cause": 0})}
    first, second = tmp_path / "1.ndjson.gz", tmp_path / "2.ndjson.gz"
    await export_to(database, first, is_full=True)
    await emptied(database)

    report = await imported(first)
    again = await imported(first)
    await export_to(database, second, is_full=True)

    assert report.counts() == figures(read=4, inserted=4)
    assert again.counts() == figures(read=4, unchanged=4)
    assert {user["_id"]: user async for user in database.users.find({}, {"cause": 0})} == before
    assert second.read_bytes() == first.read_bytes()


async def test_restore_names_the_fields_that_the_validator_refuses(
    database: Database, imported: Imported, tmp_path: Path
) -> None:
    """Another client has stored the user past the validator."""
    await fill(database)
    user = await database.users.find_one({}) or {}
    wrong = {"$set": {"status": "odd", "profile.location": 7}}
    await database.users.update_one({"_id": user["_id"]}, wrong, bypass_document_validation=True)
    path = tmp_path / "full.ndjson"
    await export_to(database, path, is_full=True)
    await database.users.delete_many({})

    report = await imported(path)

    assert report.rejected == 1
    assert set(report.reasons) == {"/status refused_by_validator", "/profile/location refused_by_validator"}


async def test_full_export_restores_ids_of_any_type(
    database: Database, imported: Imported, tmp_path: Path
) -> None:
    """Another client may use a document as an id, which no set of Python holds."""
    ids = [{"a": 1}, b"x", 5, 2.5, True, "text", JOINED]
    users = [{"_id": each, "email": f"u{n}@example.org"} for n, each in enumerate(ids)]
    await database.command("collMod", "users", validator={})
    await database.users.insert_many(users)
    path = tmp_path / "users.ndjson"
    await export_to(database, path, is_full=True)
    await emptied(database)

    report = await imported(path)
    again = await imported(path)

    assert report.counts() == figures(read=7, inserted=7)
    assert again.counts() == figures(read=7, unchanged=7)


@pytest.mark.parametrize(
    "row",
    [
        '{"email": "x@example.org", "version": 9223372036854775808}',
        '{"_id": [1], "email": "x@example.org"}',
        '{"_id": null, "email": "x@example.org"}',
        '{"_id": {"$regularExpression": {"pattern": "a", "options": ""}}, "email": "x@example.org"}',
        '{"_id": {"$undefined": true}, "email": "x@example.org"}',
        '{"_id": {"$x": 1}, "email": "x@example.org"}',
        '{"_id": "1", "$x": 1, "email": "x@example.org"}',
        '{"_id": "1", "a.b": 1, "email": "x@example.org"}',
        '{"_id": "1", "": 1, "email": "x@example.org"}',
        '{"_id": "1", "a\\u0000b": 1, "email": "x@example.org"}',
        '{"_id": "1", "version": "x", "email": "x@example.org"}',
        '{"_id": "1", "n": 9223372036854775808, "email": "x@example.org"}',
    ],
)
async def test_row_that_cannot_be_stored_costs_one_row(
    database: Database, imported: Imported, tmp_path: Path, row: str
) -> None:
    """The rows beside it are imported, whatever the file holds."""
    path = tmp_path / "users.ndjson"
    path.write_text(f'{{"email": "a@example.org"}}\n{row}\n{{"email": "b@example.org"}}\n')

    report = await imported(path)

    assert report.counts()["read"] == 3
    assert await database.users.count_documents({"email": {"$in": ["a@example.org", "b@example.org"]}}) == 2


async def test_bad_rows_are_listed_with_their_lines(
    database: Database, imported: Imported, tmp_path: Path
) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text(
        '{"email": "a@example.org"}\n\n{"email": "nowhere", "status": "gone"}\nno json\n[1]\n'
        '{"email": "A@Example.org", "first_name": "Ada"}\n{"_id": {"$oid": "x"}}\n'
    )
    rejects = io.BytesIO()

    report = await imported(path, rejects=rejects)

    assert report.counts() == figures(read=6, inserted=1, rejected=5)
    found = [json.loads(line) for line in rejects.getvalue().splitlines()]
    assert [(row["line"], [error["pointer"] for error in row["errors"]]) for row in found] == [
        (3, ["/email", "/status"]),
        (4, [""]),
        (5, [""]),
        (6, [""]),
        (7, [""]),
    ]
    assert "nowhere" not in json.dumps(found)


async def test_bad_rows_of_a_table_are_listed(database: Database, imported: Imported, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text('email,bio\na@example.org,"two\nlines"\nb@example.org\n"c"c,x\nd@example.org,d\n')

    report = await imported(path)

    assert report.counts() == figures(read=4, inserted=2, rejected=2)
    assert [(row.line, row.errors[0].code) for row in report.rejects] == [
        (4, "field_count"),
        (5, "quote_unbalanced"),
    ]


async def test_older_row_does_not_undo_a_change(database: Database, imported: Imported, tmp_path: Path) -> None:
    await fill(database, users=3)
    path = tmp_path / "users.csv"
    await export_to(database, path)
    user = await database.users.find_one({"email": "user0@example.org"})
    assert user is not None
    write = Write(
        user_id=str(user["_id"]), if_match=IfMatch.required("*"), cause=Cause(actor="api:test"), now=now_utc()
    )
    await patch_user(write, {"first_name": "New"}, patch_type=PatchType.MERGE)

    report = await imported(path)
    name = (await database.users.find_one({"_id": user["_id"]}) or {})["first_name"]
    forced = await imported(path, overwrite=True)
    forced_again = await imported(path, overwrite=True)

    assert (report.counts(), name) == (figures(read=3, unchanged=2, stale=1), "New")
    assert forced.counts() == figures(read=3, unchanged=2, updated=1)
    assert forced_again.counts() == figures(read=3, unchanged=3)


async def test_dry_run_writes_nothing(database: Database, imported: Imported, tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text('{"email": "a@example.org"}\n{"email": "x"}\n')

    report = await imported(path, is_dry_run=True)

    assert report.counts() == figures(read=2, inserted=1, rejected=1)
    assert await database.users.count_documents({}) == await database.audit_log.count_documents({}) == 0


async def test_import_is_recorded(database: Database, imported: Imported, tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text('{"email": "a@example.org"}\n')

    await imported(path)

    entries = await database.audit_log.find().to_list()
    assert [(entry["action"], entry["after"]["state"]) for entry in entries] == [
        ("users.import", "started"),
        ("users.import", "finished"),
    ]
    assert entries[1]["after"]["inserted"] == 1
    user = await database.users.find_one({}) or {}
    assert user["updated_by"] == "cli:test"
    assert user["cause"] == {"actor": "cli:test", "reason": "import"}


async def test_taken_address_costs_one_row(database: Database, imported: Imported, tmp_path: Path) -> None:
    """Two users with ids of their own are never merged by an import."""
    await fill(database, users=1)
    path = tmp_path / "users.ndjson"
    path.write_text(
        '{"id": "6b036b42dddea18c01e9b78e", "email": "user0@example.org"}\n{"email": "free@example.org"}\n'
    )

    report = await imported(path)

    assert report.counts() == figures(read=2, inserted=1, rejected=1)
    assert report.rejects[0].errors[0].code == "email_taken"


async def test_address_passes_from_one_row_to_another(
    database: Database, imported: Imported, tmp_path: Path
) -> None:
    """In one file, one user gets a new address, and a new user gets the old one."""
    await fill(database, users=1)
    user = await database.users.find_one({}) or {}
    path = tmp_path / "users.ndjson"
    path.write_text(
        '{"id": "6b036b42dddea18c01e9b78e", "email": "user0@example.org"}\n'
        f'{{"id": "{user["_id"]}", "email": "moved@example.org"}}\n'
    )

    report = await imported(path)

    assert report.counts() == figures(read=2, inserted=1, updated=1)
    emails = {str(each["_id"]): each["email"] async for each in database.users.find()}
    assert emails == {str(user["_id"]): "moved@example.org", "6b036b42dddea18c01e9b78e": "user0@example.org"}


async def test_second_import_of_repeated_rows_changes_nothing(
    database: Database, imported: Imported, tmp_path: Path
) -> None:
    """Two rows of one address and no time: the user must not change at every import."""
    path = tmp_path / "users.csv"
    path.write_text("email,first_name\nada@example.org,Ada\nalan@example.org,Alan\nADA@example.org ,Augusta\n")

    first, second = await imported(path), await imported(path, batch_rows=1)

    assert first.counts() == figures(read=3, inserted=2, rejected=1)
    assert second.counts() == figures(read=3, unchanged=2, rejected=1)
    assert [(row.line, row.errors[0].code) for row in second.rejects] == [(4, "repeated")]
    user = await database.users.find_one({"email": "ada@example.org"}) or {}
    assert (user["first_name"], user["version"]) == ("Ada", 1)


async def test_array_is_read_like_lines(database: Database, imported: Imported, tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('[{"email": "a@example.org"}, 5, {"email": "b@example.org"}]')

    assert (await imported(path)).counts() == figures(read=3, inserted=2, rejected=1)


def figures(**given: int) -> dict[str, int]:
    names = ("read", "inserted", "updated", "unchanged", "stale", "rejected")
    return {name: given.get(name, 0) for name in names}
