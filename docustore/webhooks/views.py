"""Webhooks and deliveries as responses.

A secret is only in the answer that creates it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from docustore.changes.subscriptions import DESTINATIONS, EventKind
from docustore.clock import now_utc
from docustore.database import Database
from docustore.outbox.destinations import DestinationKind, known_destination
from docustore.outbox.figures import figures_of
from docustore.users.profile import UserStatus
from docustore.webhooks.store import WEBHOOKS, destination_of, find_webhook, webhook_id_of


class DisabledView(msgspec.Struct, frozen=True):
    """Why a webhook is disabled, and the number of the last change before.

    `reason` is `operator`, `gone` (the endpoint answered 410), `failing` (for five days) or `backlog`.
    """

    at: datetime
    reason: str
    after_number: int


class ReplayView(msgspec.Struct, frozen=True):
    """A range of changes that is told once more.

    `done` is its last number so far.
    """

    done: int
    until: int


class WebhookView(msgspec.Struct, frozen=True):
    """A webhook and the state of its deliveries.

    `pending` counts at most 100,000 events; `oldest_s` is the age of the oldest of them. `failing_since` is
    null while events are taken. `old_secret_ends_at` is the time until which two secrets sign.
    """

    id: str
    url: str
    description: str
    operations: list[EventKind]
    fields: list[str]
    statuses: list[UserStatus]
    created_at: datetime
    is_enabled: bool
    disabled: DisabledView | None
    pending: int
    oldest_s: float | None
    delivered: int
    failed: int
    failing_since: datetime | None
    last_error: str | None
    replay: ReplayView | None
    old_secret_ends_at: datetime | None


class NewWebhookView(msgspec.Struct, frozen=True):
    """A new webhook, and its secret, which is shown only now."""

    secret: str
    webhook: WebhookView


class NewSecretView(msgspec.Struct, frozen=True):
    """A new secret, which is shown only now, and the end of the old one."""

    secret: str
    old_secret_ends_at: datetime


class RangeView(msgspec.Struct, frozen=True):
    """The range that is told once more: the numbers after `since`, up to `until`."""

    since: int
    until: int


class TestView(msgspec.Struct, frozen=True):
    """The answer to a test message; `error` is null if the endpoint took it."""

    status: int | None
    error: str | None
    duration_s: float


async def webhook_view(database: Database, webhook_id: str) -> WebhookView:
    """Read one webhook.

    Raises:
        NotFoundError: There is no such webhook.
    """
    webhook = await find_webhook(database, webhook_id)
    return await _view(database, webhook, await known_destination(database, destination_of(webhook_id)))


async def webhook_views(database: Database) -> list[WebhookView]:
    """Read all webhooks, oldest first."""
    webhooks = {
        each["_id"]: each async for each in database[WEBHOOKS].find({}, sort=[("created_at", 1), ("_id", 1)])
    }
    query = {"kind": DestinationKind.WEBHOOK.value}
    destinations = {webhook_id_of(each["_id"]): each async for each in database[DESTINATIONS].find(query)}
    known = [key for key in webhooks if key in destinations]
    return [await _view(database, webhooks[key], destinations[key]) for key in known]


async def _view(database: Database, webhook: Mapping[str, Any], destination: Mapping[str, Any]) -> WebhookView:
    now = now_utc()
    figures = await figures_of(database, destination, now=now)
    disabled, fill = figures.disabled, figures.replay
    ends = [each["expires_at"] for each in webhook["secrets"] if each["expires_at"] and each["expires_at"] > now]
    return WebhookView(
        id=webhook["_id"],
        url=webhook["url"],
        description=webhook["description"],
        operations=[EventKind(word) for word in destination["operations"]],
        fields=destination["fields"],
        statuses=[UserStatus(word) for word in destination["statuses"]],
        created_at=webhook["created_at"],
        is_enabled=figures.is_enabled,
        disabled=None
        if disabled is None
        else DisabledView(at=disabled["at"], reason=disabled["reason"], after_number=disabled["seq"]),
        pending=figures.pending,
        oldest_s=figures.oldest_s,
        delivered=figures.delivered,
        failed=figures.failed,
        failing_since=figures.failing_since,
        last_error=figures.last_error,
        replay=None if fill is None else ReplayView(done=fill["next"], until=fill["until"]),
        old_secret_ends_at=max(ends, default=None),
    )
