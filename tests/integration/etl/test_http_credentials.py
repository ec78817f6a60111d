"""Credentials of HTTP services, and redirects that could reveal them."""

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

import pytest

from docustore.errors import DocustoreError, SourceContentError, SourceRejectedError
from docustore.etl.models import RunState
from tests.http_service import Answer, HttpService, Request, http_service
from tests.integration.etl.conftest import Run
from tests.integration.etl.http_reads import http_source, part, read, read_from


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"token": "env:CRM_SECRET"}, "Bearer hunter2"),
        ({"username": "me", "password": "env:CRM_SECRET"}, "Basic " + b64encode(b"me:hunter2").decode()),
        ({"headers": {"Authorization": "env:CRM_SECRET"}}, "hunter2"),
    ],
)
async def test_sign_in(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], expected: str) -> None:
    monkeypatch.setenv("CRM_SECRET", "hunter2")

    _, service = await read_from(lambda _: Answer({"users": []}), **fields)

    assert {request.headers["authorization"] for request in service.requests} == {expected}


async def test_missing_secret_fails_the_run_with_its_setting(run_source: Run) -> None:
    async with http_service(lambda _: Answer({"users": []})) as service:
        run = await run_source(http_source(service, token="env:NO_SUCH_ONE"))

    assert run.state is RunState.FAILED
    assert run.error == "sources.crm.token: the environment variable NO_SUCH_ONE is not set"


class Issuer:
    """A service with a token endpoint; it refuses tokens that it did not issue last."""

    def __init__(self, *, expires_in: int) -> None:
        self.issued = 0
        self.revoked: set[str] = set()
        self.expires_in = expires_in
        self.forms: list[dict[str, list[str]]] = []

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            self.issued += 1
            self.forms.append(parse_qs(request.body.decode()))
            return Answer({"access_token": f"t{self.issued}", "expires_in": self.expires_in})
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.revoked or not token.startswith("t"):
            return Answer(status=401)
        return Answer({"users": part(0), "next_cursor": None})


async def oauth_read(issuer: Issuer) -> HttpService:
    async with http_service(issuer.answer, by_request=True) as service:
        token_url = service.url.replace("/users", "/token")
        await read(http_source(service, token_url=token_url, client_id="a b", client_secret="s:1", scope="read"))
        return service


async def test_token_is_fetched_once_and_reused() -> None:
    issuer = Issuer(expires_in=3600)

    service = await oauth_read(issuer)

    assert issuer.issued == 1
    assert issuer.forms == [{"grant_type": ["client_credentials"], "scope": ["read"]}]
    assert service.requests[0].headers["authorization"] == "Basic " + b64encode(b"a+b:s%3A1").decode()


async def test_token_is_renewed_before_it_expires() -> None:
    issuer = Issuer(expires_in=0)

    await oauth_read(issuer)

    assert issuer.issued == 2


async def test_revoked_token_is_renewed_once() -> None:
    issuer = Issuer(expires_in=3600)
    issuer.revoked = {"t1"}

    await oauth_read(issuer)
    assert issuer.issued == 2

    issuer.revoked = {f"t{number}" for number in range(9)}
    with pytest.raises(SourceRejectedError, match="answered 401"):
        await oauth_read(issuer)
    assert issuer.issued == 4


async def redirected(
    status: int, *, location: str = "", **fields: Any
) -> tuple[list[int], HttpService, HttpService]:
    """Read a service that redirects to another one."""
    async with http_service(lambda _: Answer({"users": part(0)}), by_request=True) as other:
        place = location or other.url

        def answer(request: Request) -> Answer:
            if request.path == "/final":
                return Answer({"users": part(2)})
            return Answer(status=status, headers={"location": place})

        async with http_service(answer, by_request=True) as service:
            settings = http_source(service, headers={"X-Key": "hunter2"}, token="hunter2", **fields)
            return await read(settings), service, other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_on_the_same_host_keeps_the_credentials(status: int) -> None:
    found, service, _ = await redirected(status, location="/final")

    assert found == [2, 3]
    assert service.requests[1].headers["authorization"] == "Bearer hunter2"


async def test_redirect_to_another_host_is_refused() -> None:
    with pytest.raises(SourceContentError, match="redirects to another host"):
        await redirected(302)


async def test_another_host_never_gets_the_credentials() -> None:
    found, _, other = await redirected(302, redirects="any")

    assert found == [0, 1]
    assert not {"authorization", "x-key"} & {name for request in other.requests for name in request.headers}


@pytest.mark.parametrize(
    ("status", "location", "fields", "error"),
    [
        (302, "/users", {}, "more than 5 redirects"),
        (302, "/final", {"method": "POST"}, "redirects a POST"),
        (302, "/final", {"redirects": "none"}, "answered 302"),
        (302, "file:///etc/passwd", {"redirects": "any"}, "source crm"),
    ],
)
async def test_redirect_that_is_not_followed(
    status: int, location: str, fields: dict[str, Any], error: str
) -> None:
    with pytest.raises(DocustoreError, match=error):
        await redirected(status, location=location, **fields)
