"""Schemathesis finds nothing, with all its checks, also the strict ones, over the whole description.

Malformed data must be refused, valid data accepted, keys required, other methods refused, and a deleted user gone.
`make test` sends a sample of the cases that the description makes (`conformance_sample.py`), `make chaos` all.
`conformance.toml` lists the statuses that a check accepts besides its defaults, each with the reason, and
`conformance_hooks.py` what no schema can say. `HYPOTHESIS_PROFILE=explore` sends many more requests, and new ones.
"""

import json
import os
from pathlib import Path
from typing import Final

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.ports import free_port
from tests.chaos.programs import program
from tests.chaos.scale import IS_FULL

KEY: Final = "a-key-of-the-conformance-test-0123456789"
HERE: Final = Path(__file__).parent


def extent() -> list[str]:
    """Return the options that bound the run; the profile `explore` has more examples, and new ones."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "explore":
        return ["--max-examples=200", "--generation-database=none"]
    return ["--max-examples=2", "--generation-deterministic"]


def sampled() -> dict[str, str]:
    """Return the variable by which the hooks leave out cases."""
    is_all = IS_FULL or os.environ.get("HYPOTHESIS_PROFILE") == "explore"
    return {} if is_all else {"CONFORMANCE_SAMPLE": "1"}


# Far beyond what the run takes: most of it are the cases that follow from each rule of the description.
@pytest.mark.timeout(3600)
async def test_schemathesis_finds_nothing(database: Database, api_settings: Settings, tmp_path: Path) -> None:
    """All checks of schemathesis, over the whole description."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    extra = {
        "DOCUSTORE_PORT": str(port),
        "DOCUSTORE_ADMIN_KEY": KEY,
        # The checks send many requests with invalid keys.
        "DOCUSTORE_AUTH_FAILURES_PER_MIN": "0",
        "DOCUSTORE_EXPORTS_PER_MIN": "0",
        "DOCUSTORE_QUERIES_PER_MIN": "0",
        "DOCUSTORE_SOURCES": json.dumps({"crm": {"kind": "file", "url": "/nowhere.ndjson"}}),
    }
    hooks = {
        "SCHEMATHESIS_HOOKS": "tests.integration.api.conformance_hooks",
        "PYTHONPATH": str(HERE.parents[2]),
    } | sampled()
    command = ["-m", "schemathesis.cli", "--config-file", str(HERE / "conformance.toml"), "run"]
    command += [f"{url}/schema/openapi.json", "--wait-for-schema=120", "--checks=all", "--no-color"]
    command += ["-H", f"Authorization: Bearer {KEY}", *extent()]

    api = program("-m", "docustore.api.server", settings=api_settings, log=tmp_path / "api.log", extra=extra)
    tester = program(*command, settings=api_settings, log=tmp_path / "schemathesis.log", extra=hooks)
    async with api, tester as run:
        code = await run.wait()
        found = run.output

    assert code == 0, found
