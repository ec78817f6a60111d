"""Create, change, test, replay and delete webhooks.

Every action is in the audit log.
"""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final

import msgspec
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.changes.subscriptions import DESTINATIONS, row_id
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database, Document, in_transaction
from docustore.errors import FieldError, InvalidInputError, NotFoundError
from docustore.outbox.destinations import (
    DestinationKind,
    first_kept_number,
    fresh_destination,
    insert_destination,
    remove_rows,
    request_fill,
    set_enabled,
    settled,
)
from docustore.outbox.rows import requeue
from docustore.security.client_address import networks
from docustore.webhooks.addresses import AddressRefusedError, targets_of
from docustore.webhooks.bodies import WebhookInput, WebhookUpdateInput
from docustore.webhooks.sender import webhook_client
from docustore.webhooks.signature import new_secret
from docustore.webhooks.store import WEBHOOKS, destination_of, find_webhook, stored_secret
from docustore.webhooks.views import TestView

# A client waits for the answer; the check is repeated at each delivery.
RESOLVE_TIMEOUT_S: Final = 3.0


async def create_webhook(
    database: Database, settings: Settings, given: WebhookInput, *, actor: str
) -> tuple[str, str]:
    """Create a webhook; return its id and its secret, which is not shown again.

    It starts at now, or after the number `since` of the past.

    Raises:
        InvalidInputError: The address must not be called, or history no longer reaches back to `since`.
        TooManyDestinationsError: There are as many as the listener serves.
    """
    await require_allowed(given.url, settings)
    if given.since is not None:
        await _require_kept(database, given.since)
    webhook_id, secret = secrets.token_hex(6), new_secret()
    name = destination_of(webhook_id)
    webhook = {
        "_id": webhook_id,
        "url": given.url,
        "description": given.description,
        "secrets": [stored_secret(secret)],
        "created_at": now_utc(),
        "created_by": actor,
    }
    destination = fresh_destination(name, DestinationKind.WEBHOOK, filter_=given.filter())

    async def create(session: AsyncClientSession, seq: int) -> None:
        await insert_destination(database, destination, seq=seq, since=given.since, session=session)
        await database[WEBHOOKS].insert_one(webhook, session=session)
        await _record(database, "webhook.create", webhook_id, actor=actor, after=_shown(given), session=session)

    await settled(database, create)
    return webhook_id, secret


async def update_webhook(
    database: Database, settings: Settings, webhook_id: str, given: WebhookUpdateInput, *, actor: str
) -> None:
    """Replace address, description and filter; secrets and state stay.

    Raises:
        NotFoundError: There is no such webhook.
        InvalidInputError: The address must not be called.
    """
    await require_allowed(given.url, settings)

    async def update(session: AsyncClientSession, _seq: int) -> None:
        before = await find_webhook(database, webhook_id, session=session)
        changed = {"url": given.url, "description": given.description}
        await database[WEBHOOKS].update_one({"_id": webhook_id}, {"$set": changed}, session=session)
        await database[DESTINATIONS].update_one(
            {"_id": destination_of(webhook_id)}, {"$set": given.filter()}, session=session
        )
        await _record(
            database,
            "webhook.update",
            webhook_id,
            actor=actor,
            before={"url": before["url"], "description": before["description"]},
            after=_shown(given),
            session=session,
        )

    await settled(database, update)


async def delete_webhook(database: Database, webhook_id: str, *, actor: str) -> None:
    """Delete a webhook, its secrets and its deliveries.

    Raises:
        NotFoundError: There is no such webhook.
    """
    name = destination_of(webhook_id)

    async def delete(session: AsyncClientSession, _seq: int) -> None:
        before = await find_webhook(database, webhook_id, session=session)
        await database[WEBHOOKS].delete_one({"_id": webhook_id}, session=session)
        await database[DESTINATIONS].delete_one({"_id": name}, session=session)
        await _record(
            database, "webhook.delete", webhook_id, actor=actor, before={"url": before["url"]}, session=session
        )

    await settled(database, delete)
    await remove_rows(database, name)


async def rotate_secret(
    database: Database, webhook_id: str, *, overlap: timedelta, actor: str
) -> tuple[str, datetime]:
    """Make a new secret; the one before also signs until the end of the overlap.

    Returns:
        The new secret, and the time at which the old one ends.

    Raises:
        NotFoundError: There is no such webhook.
    """
    secret, now = new_secret(), now_utc()

    async def rotate(session: AsyncClientSession) -> None:
        before = await find_webhook(database, webhook_id, session=session)
        old = stored_secret(before["secrets"][0]["secret"], expires_at=now + overlap)
        kept = [stored_secret(secret), old]
        await database[WEBHOOKS].update_one({"_id": webhook_id}, {"$set": {"secrets": kept}}, session=session)
        after = {"old_secret_ends_at": now + overlap}
        await _record(database, "webhook.rotate", webhook_id, actor=actor, after=after, session=session)

    await in_transaction(database, rotate)
    return secret, now + overlap


async def enable_webhook(
    database: Database, webhook_id: str, *, is_enabled: bool, actor: str, replay: bool = False
) -> None:
    """Enable or disable a webhook; see `set_enabled`.

    Raises:
        NotFoundError: There is no such webhook.
    """
    await find_webhook(database, webhook_id)
    await set_enabled(database, destination_of(webhook_id), is_enabled=is_enabled, actor=actor, replay=replay)


async def replay_delivery(database: Database, webhook_id: str, number: int, *, actor: str) -> None:
    """Deliver one event once more, under the same id.

    Raises:
        NotFoundError: The webhook has no delivery with this number.
    """
    await find_webhook(database, webhook_id)
    row = row_id(destination_of(webhook_id), number)
    if not await requeue(database, row, now=now_utc()):
        raise NotFoundError(kind="delivery", id=f"{number}; replay the range instead, from {number - 1}")
    await _record(database, "webhook.replay", webhook_id, actor=actor, after={"number": number})


async def replay_range(
    database: Database, webhook_id: str, *, since: int, until: int | None, actor: str
) -> tuple[int, int]:
    """Deliver the events of a range once more, under the same ids; return the range.

    Raises:
        NotFoundError: There is no such webhook.
        InvalidInputError: History no longer reaches back to `since`.
    """
    await find_webhook(database, webhook_id)
    await _require_kept(database, since)
    return await request_fill(database, destination_of(webhook_id), since=since, until=until, actor=actor)


async def send_test_message(database: Database, settings: Settings, webhook_id: str, *, actor: str) -> TestView:
    """Send a test message now, also to a disabled webhook; return the answer.

    Raises:
        NotFoundError: There is no such webhook.
    """
    webhook = await find_webhook(database, webhook_id)
    now = now_utc()
    body = msgspec.json.encode({"type": "webhook.test", "timestamp": now, "data": {}})
    started = perf_counter()
    async with webhook_client(webhook, settings) as client:
        outcome = await client.post(f"test-{secrets.token_hex(8)}", body, now=now)
    duration_s = perf_counter() - started
    after = {"status": outcome.status, "error": outcome.error}
    await _record(database, "webhook.test", webhook_id, actor=actor, after=after)
    return TestView(status=outcome.status, error=outcome.error, duration_s=round(duration_s, 3))


async def require_allowed(url: str, settings: Settings, *, pointer: str = "/url") -> None:
    """Refuse an address that no delivery would call.

    A name that does not resolve may do so later.

    Raises:
        InvalidInputError: The address must not be called; `pointer` names it.
    """
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            await targets_of(url, allowed=networks(settings.webhook_private_networks))
    except AddressRefusedError as exc:
        raise InvalidInputError((FieldError(pointer=pointer, code="address_refused", detail=str(exc)),)) from exc
    except (OSError, UnicodeError):
        return


async def _require_kept(database: Database, since: int) -> None:
    first = await first_kept_number(database)
    if since < first - 1:
        detail = f"history begins with number {first}; use {first - 1} or more"
        raise InvalidInputError((FieldError(pointer="/since", code="out_of_range", detail=detail),))


async def _record(
    database: Database,
    action: str,
    webhook_id: str,
    *,
    actor: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    session: AsyncClientSession | None = None,
) -> None:
    target = f"{WEBHOOKS}/{webhook_id}"
    await record(database, actor=actor, action=action, target=target, before=before, after=after, session=session)


def _shown(given: WebhookUpdateInput) -> Document:
    return {"url": given.url, "description": given.description, **given.filter()}
