"""Every route conforms to `/schema`, for requests generated from `/schema`.

The requests name existing users and go to the application in this process. `test_schemathesis.py` runs the other
checks against a server of its own. The requests are the same in every run: generation is deterministic, and no
example database is used.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import count
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

from tests.chaos.scale import scaled
from tests.integration.api.conftest import Client
from tests.unconnected_app import unconnected_app
from tests.waiting import PATIENCE_S

BASE_URL: Final = "http://api.test"
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
    max_examples=int(scaled(bounded=4, full=20)),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    document = json.dumps(unconnected_app().openapi_schema.to_schema(), sort_keys=True)
    schema = schemathesis.openapi.from_dict(json.loads(document), config=WITHOUT_KEYS)
    for found in schema.get_all_operations():
        yield found.ok()


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
        return sending.result(PATIENCE_S)


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
