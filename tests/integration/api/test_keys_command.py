"""The command `docustore keys`."""

import json
from typing import Any

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.security.key_ring import Credential, KeyRing
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.integration.cli.docustore_command import addresses, run_docustore


@pytest.fixture
def keys_command(settings: Settings) -> Any:
    async def run(*arguments: str) -> tuple[int | None, str]:
        outcome = await run_docustore("keys", *arguments, **addresses(settings))
        return outcome.exit_code, outcome.stdout

    return run


async def test_key_is_created_used_listed_and_revoked(
    keys_command: Any, database: Database, anonymous: Client
) -> None:
    _, made = await keys_command("create", "reporting", "--scope", "write", "--expires-in-days", "9", "--json")
    new = json.loads(made)
    principal = await KeyRing(admin_key=None).principal_of(Credential(new["key"], is_session=False))
    _, listed = await keys_command("list", "--json")
    code, _ = await keys_command("revoke", new["id"])

    assert (principal.key_id, principal.scope) == (new["id"], Scope.WRITE)
    assert [(key["name"], key["revoked_at"]) for key in json.loads(listed)] == [("reporting", None)]
    assert new["key"] not in listed
    assert "hash" not in listed
    assert code == 0
    stored = await database["api_keys"].find_one({"_id": new["id"]})
    assert stored is not None
    assert stored["revoked_at"] is not None


async def test_plain_output_is_only_the_key(keys_command: Any, database: Database) -> None:
    code, printed = await keys_command("create", "shell")

    assert code == 0
    assert printed.startswith("dsk_")
    assert len(printed.split()) == 1


async def test_revoking_an_unknown_key_fails(keys_command: Any, database: Database) -> None:
    code, printed = await keys_command("revoke", "nope", "--json")

    assert code == 1
    assert "nope" in printed
