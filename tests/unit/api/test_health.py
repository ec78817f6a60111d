import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError
from redis.exceptions import ConnectionError as RedisConnectionError

from docustore.api.health import OK, PartStatus, mongodb_status, readiness, valkey_status

AWAY = PartStatus(status="unavailable", problem="p")


def answering(answer: object) -> Any:
    async def call(*_: object, **__: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        if answer == "never":
            await asyncio.Event().wait()
        return answer

    return call


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"ok": 1}, "ok"), (AutoReconnect("x"), "unavailable"), (ServerSelectionTimeoutError("x"), "unavailable")],
)
async def test_mongodb_is_ready_if_its_primary_answers(answer: object, status: str) -> None:
    database: Any = SimpleNamespace(client=SimpleNamespace(admin=SimpleNamespace(command=answering(answer))))

    assert (await mongodb_status(database)).status == status


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (True, "ok"),
        (RedisConnectionError("x"), "unavailable"),
        (OSError("x"), "unavailable"),
        ("never", "unavailable"),
    ],
)
async def test_valkey_is_ready_when_it_answers_in_time(answer: object, status: str) -> None:
    queue: Any = SimpleNamespace(ping=answering(answer))

    assert (await valkey_status(queue)).status == status


def test_service_is_ready_if_all_parts_are_ready() -> None:
    ready, not_ready = readiness(mongodb=OK, valkey=OK), readiness(mongodb=AWAY, valkey=OK)

    assert (ready.content.status, ready.headers) == ("ok", {})
    assert (not_ready.status_code, not_ready.content.status) == (503, "unavailable")
    assert not_ready.headers == {"Retry-After": "5"}
    assert not_ready.content.parts == {"mongodb": AWAY, "valkey": OK}
