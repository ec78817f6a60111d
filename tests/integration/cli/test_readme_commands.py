"""The commands of the README's section about loading users, as they stand there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.database import Database
from tests.forks import ROOT
from tests.integration.cli.docustore_command import addresses, run_docustore

SECTION = (ROOT / "README.md").read_text().partition("### Load users")[2].partition("\n### ")[0]
COMMANDS = re.findall(r"^\$ \.venv/bin/docustore (.*)$", SECTION, re.MULTILINE)
# The good records of the samples; two of them are the same person, and the last file is only a dry run.
LOADED = {
    "a.gross", "can.oezdemir", "jane.vanderdoe", "joerg.mueller", "jose.ortega", "siobhan.obrien", "zoe.smith",
    "ada.lovelace", "alan", "grace", "katherine",
}  # fmt: skip


async def test_commands_load_the_samples(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)

    outcomes = {}
    for line in COMMANDS:
        outcomes[line] = await run_docustore(*shlex.split(line, comments=True), **addresses(settings))

    assert len(COMMANDS) >= 5
    assert {line: outcome.stderr for line, outcome in outcomes.items() if outcome.exit_code != 0} == {}
    assert {user["email"].partition("@")[0] async for user in database.users.find({})} == LOADED
    assert await database.etl_quarantine.count_documents({}) == 3
    assert (tmp_path / "docustore.toml").is_file()


async def test_second_init_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "docustore.toml"

    first = await run_docustore("init", "--json", DOCUSTORE_CONFIG=str(path))
    text = path.read_text()
    second = await run_docustore("init", DOCUSTORE_CONFIG=str(path))

    assert (first.exit_code, first.document) == (0, {"path": str(path)})
    assert (second.exit_code, path.read_text()) == (1, text)
    assert "exists already; move it away first" in second.stderr
