"""Several writers of one user at the same time."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from docustore.api.problem_details import status_of
from docustore.clock import now_utc
from docustore.database import Database
from docustore.errors import UserBusyError
from docustore.users import service
from docustore.users.cause import Cause
from docustore.users.models import User
from docustore.users.preconditions import IfMatch
from docustore.users.service import Write, _change
from docustore.users.stored import user_key
from tests.integration.api.conftest import Client, create
from tests.waiting import PATIENCE_S


async def test_one_of_many_writers_with_one_etag_wins(api: Client) -> None:
    user = await create(api)

    responses = await asyncio.gather(
        *(
            api.patch(f"/users/{user['id']}", json={"first_name": name}, headers={"if-match": '"1"'})
            for name in ("Ada", "Eve", "Joe", "Kim")
        )
    )

    assert sorted(response.status_code for response in responses) == [200, 412, 412, 412]
    won = next(response.json() for response in responses if response.status_code == 200)
    assert (await api.get(f"/users/{user['id']}")).json() == won


async def test_writers_of_any_version_all_succeed(api: Client) -> None:
    user = await create(api)

    responses = await asyncio.gather(
        *(api.patch(f"/users/{user['id']}", json={"first_name": n}, headers={"if-match": "*"}) for n in "ABC")
    )

    assert [response.status_code for response in responses] == [200, 200, 200]
    assert (await api.get(f"/users/{user['id']}")).json()["version"] == 4


async def test_a_hundred_writers_of_any_version_all_succeed(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """412 answers a version that the client named. It named none."""
    # A slow machine needs longer than five seconds for a hundred writes of one user.
    monkeypatch.setattr(service, "RETRY_FOR_S", PATIENCE_S)
    user = await create(api)

    responses = await asyncio.gather(
        *(
            api.patch(f"/users/{user['id']}", json={"first_name": f"n{number}"}, headers={"if-match": "*"})
            for number in range(100)
        )
    )

    assert {response.status_code for response in responses} == {200}
    assert (await api.get(f"/users/{user['id']}")).json()["version"] == 101


async def test_concurrent_status_actions_all_succeed(api: Client) -> None:
    user = await create(api)
    actions = ["activate", "deactivate", "suspend"] * 20

    responses = await asyncio.gather(*(api.post(f"/users/{user['id']}/{action}") for action in actions))

    assert {response.status_code for response in responses} == {200}


async def test_write_that_always_comes_second_is_busy(
    api: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer may send the request again; nothing of it was written."""
    monkeypatch.setattr(service, "RETRY_FOR_S", 0.3)
    user = await create(api)
    key = user_key(user["id"])
    write = Write(user_id=user["id"], if_match=IfMatch.optional(None), cause=Cause(actor="api:k"), now=now_utc())
    attempts = 0

    async def overtaken(stored: User) -> dict[str, Any]:
        nonlocal attempts
        attempts += 1
        await database.users.update_one({"_id": key}, {"$inc": {"version": 1}})
        stored.suspend()
        return {}

    with pytest.raises(UserBusyError) as caught:
        await _change(write, overtaken)

    stored = await database.users.find_one({"_id": key})
    assert stored is not None
    assert (stored["status"], stored["version"]) == ("active", 1 + attempts)
    assert attempts > 2
    assert status_of(type(caught.value)) is HTTPStatus.SERVICE_UNAVAILABLE
