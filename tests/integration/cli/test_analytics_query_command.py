"""`docustore analytics query` and `queries`."""

import json
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.listening import make_user

QUESTION = {"metrics": ["users"], "dimensions": ["role"]}


async def test_question_of_a_file(settings: Settings, database: Database, tmp_path: Path) -> None:
    variables = addresses(settings)
    await database["users"].insert_many([make_user(roles=["=1+1", "admin"]), make_user(roles=["admin"])])
    file, wrong = tmp_path / "question.json", tmp_path / "wrong.json"
    file.write_text(json.dumps(QUESTION))
    wrong.write_text(json.dumps({**QUESTION, "dimensions": ["password_hash"]}))

    shown = await run_docustore("analytics", "query", str(file), **variables)
    as_json = await run_docustore("analytics", "query", str(file), "--json", **variables)
    as_csv = await run_docustore("analytics", "query", str(file), "--csv", **variables)
    explained = await run_docustore("analytics", "query", str(file), "--explain", **variables)
    refused = await run_docustore("analytics", "query", str(wrong), "--json", **variables)

    assert "2 rows by pipeline" in shown.stdout
    assert as_json.document["rows"] == [["admin", 2], ["=1+1", 1]]
    assert as_csv.stdout.splitlines() == ["role,users", "admin,2", "'=1+1,1"]
    assert "Answered by: pipeline" in explained.stdout
    assert (refused.exit_code, "/dimensions/0" in refused.stderr) == (1, True)


async def test_query_is_saved_listed_run_and_deleted(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    variables = addresses(settings)
    await database["users"].insert_one(make_user(roles=["admin"]))
    file = tmp_path / "question.json"
    file.write_text(json.dumps(QUESTION))

    saved = await run_docustore("analytics", "queries", "save", "roles", str(file), **variables)
    again = await run_docustore("analytics", "queries", "save", "roles", str(file), **variables)
    replaced = await run_docustore(
        "analytics", "queries", "save", "roles", str(file), "--replace", "--json", **variables
    )
    listed = await run_docustore("analytics", "queries", "list", "--json", **variables)
    run = await run_docustore("analytics", "queries", "run", "roles", "--csv", **variables)
    deleted = await run_docustore("analytics", "queries", "delete", "roles", **variables)
    gone = await run_docustore("analytics", "queries", "show", "roles", "--json", **variables)

    assert (saved.exit_code, again.exit_code, replaced.document["version"]) == (0, 1, 2)
    assert [each["name"] for each in listed.document] == ["roles"]
    assert run.stdout.splitlines() == ["role,users", "admin,1"]
    assert (deleted.exit_code, gone.document["error"]["type"]) == (0, "NotFoundError")
