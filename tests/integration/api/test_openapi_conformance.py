"""Every route conforms to `/schema`, for requests generated from `/schema`.

One test sends requests for existing users to the application in this process. The other one runs schemathesis with
all its checks, also the strict ones, against a server of its own: malformed data must be refused, valid data
accepted, keys required, other methods refused, and a deleted user gone. `conformance.toml` lists the statuses that
a check accepts besides its defaults, each with the reason, and `conformance_hooks.py` what no schema can say.

The requests are the same in every run: generation is deterministic, and no example database is used.
`HYPOTHESIS_PROFILE=explore` sends many more.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from docustore.api.app import create_app
from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.ports import free_port
from tests.chaos.programs import program
from tests.chaos.scale import scaled
from tests.integration.api.conftest import Client

BASE_URL: Final = "http://api.test"
ANSWER_TIMEOUT_S: Final = 30
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# No listener runs in the test, and one route tells that.
NO_LISTENER: Final = {
    "include-operation-id": "check_listener",
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]}},
}
WITHOUT_KEYS: Final = schemathesis.Config.from_dict(
    {"generation": {"with-security-parameters": False}, "operations": [NO_LISTENER]}
)
REPRODUCIBLE: Final = settings(
    max_examples=int(scaled(bounded=8, full=20)),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    unconnected = create_app(Settings(mongodb_url="mongodb://nowhere", redis_url="redis://nowhere"))
    document = json.dumps(unconnected.openapi_schema.to_schema(), sort_keys=True)
    schema = schemathesis.openapi.from_dict(json.loads(document), config=WITHOUT_KEYS)
    for found in schema.get_all_operations():
        yield found.ok()


KEY: Final = "a-key-of-the-conformance-test-0123456789"
HERE: Final = Path(__file__).parent


def extent() -> list[str]:
    """Return the options that bound the run; the profile `explore` has more examples, and new ones."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "explore":
        return ["--max-examples=200", "--generation-database=none"]
    return ["--max-examples=5", "--generation-deterministic"]


# Far beyond what the run takes: most of it are the cases that follow from each rule of the description.
@pytest.mark.long
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
    hooks = {"SCHEMATHESIS_HOOKS": "tests.integration.api.conformance_hooks", "PYTHONPATH": str(HERE.parents[2])}
    command = ["-m", "schemathesis.cli", "--config-file", str(HERE / "conformance.toml"), "run"]
    command += [f"{url}/schema/openapi.json", "--wait-for-schema=120", "--checks=all", "--no-color"]
    command += ["-H", f"Authorization: Bearer {KEY}", *extent()]

    api = program("-m", "docustore.api.server", settings=api_settings, log=tmp_path / "api.log", extra=extra)
    tester = program(*command, settings=api_settings, log=tmp_path / "schemathesis.log", extra=hooks)
    async with api, tester as run:
        code = await run.wait()
        found = run.output

    assert code == 0, found


class Caller:
    """Sends generated requests.

    The generator runs in another thread, because it blocks its thread.
    """

    def __init__(self, api: Client) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._emails = count()

    def send(self, case: Any, *, uses_existing: bool) -> Response:
        """Send a request as generated, or with an existing user.

        With `uses_existing` it names an existing user and a free e-mail address, so that it passes more checks.
        """
        if uses_existing and "user_id" in case.path_parameters:
            case.path_parameters["user_id"] = self._new_user()
            case.headers["If-Match"] = "*"
        if uses_existing and isinstance(case.body, dict) and "email" in case.body:
            case.body["email"] = self._free_address()
        if case.query:
            # Up to a minute without an answer.
            case.query.pop("wait_s", None)
        prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
        return self._request(prepared.method, prepared.url, headers=dict(prepared.headers), content=prepared.body)

    def _new_user(self) -> str:
        return self._request("POST", "/users", json={"email": self._free_address()}).json()["id"]

    def _free_address(self) -> str:
        return f"user{next(self._emails)}@example.org"

    def _request(self, *arguments: Any, **options: Any) -> Response:
        sending = asyncio.run_coroutine_threadsafe(self._api.request(*arguments, **options), self._loop)
        return sending.result(ANSWER_TIMEOUT_S)


def request_kinds() -> list[Any]:
    """List valid requests for every operation, and invalid ones where they exist.

    An operation without query and body has no invalid requests, because any text is a valid id.
    """
    return [
        pytest.param(operation, mode, id=f"{operation.label}-{mode.value}")
        for operation in operations()
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or operation.query or operation.body
    ]


@pytest.mark.parametrize(("operation", "mode"), request_kinds())
async def test_every_answer_conforms_to_the_schema(api: Client, operation: Any, mode: GenerationMode) -> None:
    """Valid and invalid requests get a documented status, type and body."""
    caller = Caller(api)

    @REPRODUCIBLE
    @given(case=operation.as_strategy(mode, feedback=FeedbackSources()), uses_existing=booleans())
    def conforms(case: Any, uses_existing: bool) -> None:
        case.validate_response(caller.send(case, uses_existing=uses_existing), checks=CHECKS)

    await asyncio.to_thread(conforms)
