"""Webhooks, a receiver of them, and a worker's deliveries in the test process."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.deliveries import Deliveries
from docustore.webhooks.bodies import WebhookInput
from docustore.webhooks.sender import webhook_opener
from docustore.webhooks.service import create_webhook
from tests.http_service import Answer, HttpService, Request, http_service

TAKEN = Answer(status=204)


def numbers(service: HttpService) -> list[int]:
    """List the ids of the received messages, in order."""
    return [int(request.headers["webhook-id"]) for request in service.requests]


def events(service: HttpService) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in service.requests]


@asynccontextmanager
async def receiver(
    answer: Callable[[Request], Answer] = lambda _: TAKEN, **options: Any
) -> AsyncIterator[HttpService]:
    async with http_service(answer, by_request=True, **options) as service:
        yield service


async def webhook(database: Database, settings: Settings, url: str, **given: Any) -> tuple[str, str]:
    """Create a webhook that may call loopback; return its id and secret."""
    return await create_webhook(database, settings, WebhookInput(url=url, **given), actor="cli:ada")


@asynccontextmanager
async def delivering(
    database: Database, settings: Settings, *, owner: str = "worker", **senders: Any
) -> AsyncIterator[None]:
    """Deliver like a worker does during the block."""
    openers = {"webhook": webhook_opener(database, settings), **senders}
    deliveries = Deliveries(database, openers, owner=owner, lease_s=settings.outbox_lease_s)
    deliveries.start()
    try:
        yield
    finally:
        await deliveries.stop()


async def is_drained(database: Database) -> bool:
    """Tell whether no event waits."""
    return await database["outbox"].find_one({"state": "pending"}) is None


async def make_due(database: Database) -> None:
    """Let the waits of all pending events and destinations be over."""
    await database["outbox"].update_many({"state": "pending"}, [{"$set": {"due_at": "$at"}}])
    await database["outbox_destinations"].update_many({}, {"$set": {"blocked_until": None}})
